"""From what a person writes to full claims, and one record laid over another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from jupyter_continuum.catalogue.claim import Claim
from jupyter_continuum.catalogue.dataset import Dataset
from jupyter_continuum.catalogue.offer import Offer
from jupyter_continuum.catalogue.site import Region, Site

Raw = dict[str, Any]
"""A record as YAML gives it: nothing in it is checked yet."""

_KIND_OF_TIER = {"observed": "measured", "dataset": "official"}


class Flaw(Exception):
    """Something wrong under ``keys``; the caller knows the file."""

    def __init__(self, keys: tuple[str, ...], what: str) -> None:
        super().__init__(what)
        self.keys = keys
        self.what = what


def claim_fields(model: type[BaseModel]) -> frozenset[str]:
    """Names of the fields that hold claims."""
    return frozenset(
        name for name, field in model.model_fields.items() if _is_claims(field.annotation)
    )


def _is_claims(annotation: Any) -> bool:  # Any: whatever stands behind the colon
    if get_origin(annotation) is not tuple:
        return False
    inner = get_args(annotation)[0]
    return isinstance(inner, type) and issubclass(inner, Claim)


_MODELS: tuple[type[BaseModel], ...] = (Site, Dataset, Offer, Region)
_FIELDS = {model: claim_fields(model) for model in _MODELS}
_PARTS: dict[str, type[BaseModel]] = {"offers": Offer, "regions": Region}


def expand(model: type[BaseModel], record: Raw, below: Raw, *, own: bool) -> Raw:
    """Write every short form out: a plain value becomes a claim of the nearest ``source``.

    ``below`` is what the record will be laid over, whose sources it may name. ``own``: the
    person's record, where a value without a source is the person's word; in a shipped one
    it is unverified. Raises Flaw for a source that is not listed.
    """
    sources = {**_mapping(below.get("sources")), **_mapping(record.get("sources"))}
    kinds = _kinds(sources, record.get("kind", below.get("kind")) == "cloud")
    default = record.get("source")
    if default not in (None, "unverified") and _text(default) not in kinds:
        raise Flaw(("source",), _not_listed(default))
    voice = _Voice(default, kinds, "user" if own else "unverified")
    full = _claims(record, model, (), voice)
    for part, inner in _PARTS.items():
        if isinstance(record.get(part), dict):
            full[part] = {
                key: _claims(row, inner, (part, key), voice.of(row))
                if isinstance(row, dict)
                else row
                for key, row in record[part].items()
            }
    return full


def overlay(below: Raw, above: Raw) -> Raw:
    """``above`` laid over ``below``, field by field, also within each offer and region."""
    merged = {**below, **above}
    if "sources" in below and isinstance(above.get("sources"), dict):
        merged["sources"] = {**below["sources"], **above["sources"]}
    for part in ("offers", "regions"):
        if part in below and isinstance(above.get(part), dict):
            rows = dict(below[part])
            for key, row in above[part].items():
                both = isinstance(rows.get(key), dict) and isinstance(row, dict)
                rows[key] = {**rows[key], **row} if both else row
            merged[part] = rows
    return merged


def address(record: Raw) -> Raw:
    """Give every offer its id, its site and, where it has none, its name."""
    offers = record.get("offers")
    if not isinstance(offers, dict):
        return record
    rows = {
        key: {"name": key, **row, "id": f"{record['id']}/{key}", "site": record["id"]}
        if isinstance(row, dict)
        else row
        for key, row in offers.items()
    }
    return {**record, "offers": rows}


@dataclass(frozen=True, slots=True)
class _Voice:
    """Who speaks where a value names no source."""

    default: Any
    """Key of a source; not checked yet, hence Any."""
    kinds: Mapping[str, str]
    """The kind of claim each source makes."""
    bare: str
    """The kind of a claim without a source."""

    def of(self, row: Raw) -> _Voice:
        """The voice within an offer or region, which may name a source of its own."""
        return _Voice(row.get("source", self.default), self.kinds, self.bare)


def _claims(row: Raw, model: type[BaseModel], keys: tuple[str, ...], voice: _Voice) -> Raw:
    full = dict(row)
    for name in _FIELDS[model] & row.keys():
        raw = row[name]
        try:
            full[name] = tuple(_claim(item, voice) for item in _items(raw))
        except ValueError as error:
            raise Flaw((*keys, name), str(error)) from None
    for reserved in ("id", "site"):
        if model is Offer and reserved in row:
            raise Flaw((*keys, reserved), "an offer's id is made from its key. Remove this line.")
    return full


def _items(raw: Any) -> list[Any]:  # Any: not checked yet
    if raw is None:
        return []
    several = isinstance(raw, list) and all(isinstance(x, dict) and "value" in x for x in raw)
    return raw if several else [raw]


def _claim(raw: Any, voice: _Voice) -> Raw:  # Any: not checked yet
    """Raises ValueError, a sentence, where the source does not bear the claim."""
    claim = dict(raw) if isinstance(raw, dict) and "value" in raw else {"value": raw}
    if isinstance(claim["value"], list):
        claim["value"] = tuple(claim["value"])
    for day in ("observed", "expires"):
        if type(claim.get(day)) is int:  # a bare year
            claim[day] = str(claim[day])
    # A kind without a source is somebody's own word: the default source did not say it.
    source = claim.get("source", None if "kind" in claim else voice.default)
    if source == "unverified":
        claim["kind"], claim["source"] = "unverified", None
    elif source is not None:
        if _text(source) not in voice.kinds:
            raise ValueError(_not_listed(source))
        claim["source"] = source
        claim.setdefault("kind", voice.kinds[source])
    elif claim.setdefault("kind", voice.bare) in ("official", "provider"):
        raise ValueError(f"a claim of kind {claim['kind']} names its source. Add `source`.")
    return claim


def _not_listed(source: Any) -> str:
    return f"the source {source!r} is not listed. Add it under `sources`."


def _kinds(sources: Mapping[str, Any], cloud: bool) -> dict[str, str]:
    official = "provider" if cloud else "official"
    kinds = {}
    for key, source in sources.items():
        tier = _text(_mapping(source).get("tier"))
        kinds[key] = official if tier == "official" else _KIND_OF_TIER.get(tier, "user")
    return kinds


def _mapping(raw: Any) -> Mapping[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _text(raw: Any) -> str:
    return raw if isinstance(raw, str) else repr(raw)
