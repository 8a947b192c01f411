"""What pydantic found wrong in a record, as a sentence with file, line and field."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from jupyter_continuum.catalogue.claim import Claim, Source
from jupyter_continuum.catalogue.document import Document, Key
from jupyter_continuum.catalogue.offer import Offer
from jupyter_continuum.catalogue.site import Region
from jupyter_continuum.errors import CatalogueError

_INNER: dict[Key, type[BaseModel]] = {"offers": Offer, "regions": Region, "sources": Source}
_UNITS = {"h": "hours", "gb": "GB", "eur": "euros", "usd": "US dollars", "kw": "kW"}
_SHOWN = 60
_MADE = {"id", "site"}
"""Fields of an offer that are made from its place, not written."""


def complain(
    error: ValidationError, model: type[BaseModel], layers: Sequence[Document]
) -> CatalogueError:
    """The first thing wrong, in the strongest file that holds it."""
    first = error.errors(include_url=False)[0]
    keys: list[Key] = list(first["loc"])
    # Records are laid over each other field by field: the strongest that has the field counts.
    field = list(itertools.takewhile(lambda key: isinstance(key, str), keys))
    where = max(reversed(layers), key=lambda layer: layer.depth_of(field))
    return where.flaw(keys, _sentence(first, keys, model))


def _sentence(first: Any, keys: Sequence[Key], model: type[BaseModel]) -> str:  # an ErrorDetails
    field = next(str(key) for key in reversed(keys) if isinstance(key, str))
    if first["type"] == "extra_forbidden":
        return f"there is no such field. {_meant(field, keys, model)}"
    if first["type"] == "missing":
        return f"{field!r} is missing. Add it."
    value = repr(first["input"])
    value = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
    problem = first["msg"].replace("tuple", "list").replace("dictionary", "mapping")
    return f"{value} does not fit: {problem}.{_unit(keys)}"


def _meant(field: str, keys: Sequence[Key], model: type[BaseModel]) -> str:
    owner = _INNER.get(keys[0], model) if len(keys) > 1 else model
    if any(isinstance(key, int) for key in keys):
        owner = Claim
    known = [name for name in owner.model_fields if owner is not Offer or name not in _MADE]
    close = difflib.get_close_matches(field, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Choose one of {', '.join(known)}."


def _unit(keys: Sequence[Key]) -> str:
    words = [word for key in keys if isinstance(key, str) for word in key.split("_")]
    unit = next((_UNITS[word] for word in words if word in _UNITS), None)
    return f" Write a plain number of {unit}." if unit else ""
