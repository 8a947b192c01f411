"""The JSON Schema of a record as it is written, for editors and for other people's tools.

``python -m jupyter_continuum.catalogue.schema`` writes the files that ship.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from jupyter_continuum.catalogue.claim import Claim
from jupyter_continuum.catalogue.dataset import Dataset
from jupyter_continuum.catalogue.merge import claim_fields
from jupyter_continuum.catalogue.offer import Offer
from jupyter_continuum.catalogue.site import Region, Site

FOLDER = Path(__file__).parent / "schemas"
MODELS: dict[str, type[BaseModel]] = {"site": Site, "dataset": Dataset}

Schema = dict[str, Any]


def schema(name: str) -> Schema:
    """The schema of one kind of record. Only ``id`` is required: a record may change another."""
    model = MODELS[name]
    made = model.model_json_schema()
    definitions: Schema = made["$defs"]
    _shorten(made, model, definitions)
    for inner in (Offer, Region):
        if inner.__name__ in definitions:
            _shorten(definitions[inner.__name__], inner, definitions)
            definitions[inner.__name__].pop("required", None)
    for written_by_nobody in ("id", "site") if "Offer" in definitions else ():
        del definitions["Offer"]["properties"][written_by_nobody]
    kept = {key: value for key, value in definitions.items() if not key.startswith("Claim_")}
    made |= {"required": ["id"], "$defs": {**kept, "Claim": _claim()}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_untitled(made)}


def text(name: str) -> str:
    """The file that ships."""
    return json.dumps(schema(name), indent=1, sort_keys=True) + "\n"


def _shorten(model_schema: Schema, model: type[BaseModel], definitions: Schema) -> None:
    """Allow the short forms: the value alone, one claim, or several."""
    for name in claim_fields(model):
        field = model_schema["properties"][name]
        full = definitions[field["items"]["$ref"].rpartition("/")[2]]
        value = full["properties"]["value"]["anyOf"]
        claim = {"$ref": "#/$defs/Claim", "properties": {"value": {"anyOf": value}}}
        model_schema["properties"][name] = {
            **({"description": field["description"]} if "description" in field else {}),
            "anyOf": [*value, claim, {"type": "array", "items": claim}],
        }


def _claim() -> Schema:
    """A claim as it is written: its kind follows from its source, each field checks its value."""
    made = Claim[Any].model_json_schema()
    made["properties"]["value"] = {}
    for day in ("observed", "expires"):
        made["properties"][day]["anyOf"].append({"type": "integer"})
    return {**made, "required": ["value"]}


def _untitled(node: Any) -> Any:  # Any: JSON
    """Without the titles pydantic makes from the names of fields."""
    if isinstance(node, list):
        return [_untitled(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _untitled(value)
        for key, value in node.items()
        if key != "title" or not isinstance(value, str)
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for record in MODELS:
        (FOLDER / f"{record}.schema.json").write_text(text(record))
