"""The JSON Schema of the run record, for other people's tools.

``python -m jupyter_continuum.runs.record.schema`` writes the file that ships.
"""

from __future__ import annotations

import json
from pathlib import Path

from jupyter_continuum.runs.record.model import RunRecord

PATH = Path(__file__).parent / "schemas" / "run-record.schema.json"


def text() -> str:
    """The file that ships."""
    made = RunRecord.model_json_schema(mode="serialization")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text())
