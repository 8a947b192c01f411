"""A Claim: one value with the source that says so. Documents and users contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from jupyter_continuum.catalogue.text import Day, Text, Url

Kind = Literal["official", "provider", "measured", "user", "estimate", "unverified"]
"""Who says so.

official    the operator of a site, in its documents
provider    a seller, of its own goods
measured    somebody looked at the machine
user        anybody else: users, the press, copies of a document
estimate    inferred, not stated
unverified  no source was found
"""

Tier = Literal[
    "official", "third-party copy", "observed", "community", "press", "reference", "dataset"
]

T = TypeVar("T")

_RANK = {"official": 1, "provider": 2, "measured": 3, "user": 4, "estimate": 5, "unverified": 7}
_EXPIRED = 6


class Source(BaseModel):
    """Where claims come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    tier: Tier
    url: Url | None = None
    where: Text = ""
    """How to find it when it has no address."""
    date: Text = ""
    """When it was written or seen, as exactly as is known."""
    licence: Text = ""
    note: Text = ""


class Claim(BaseModel, Generic[T]):
    """One value and who says so. ``value`` None: looked for, not found."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    value: T | None = None
    kind: Kind
    source: Text | None = None
    """Key into the record's ``sources``."""
    observed: Day | None = None
    expires: Day | None = None
    """The last day on which the claim may be relied on."""
    note: Text = ""


if TYPE_CHECKING:
    Claims = tuple[Claim[T], ...]
    """What is said of one field, in the order of the record; empty means unknown."""
else:

    class Claims:
        """The same for pydantic, whose ``Claim[T]`` is no generic alias."""

        def __class_getitem__(cls, value):
            return tuple[Claim[value], ...]


def choose(claims: Sequence[Claim[T]], today: date) -> Claim[T] | None:
    """The claim to show; None when no value is known.

    Before its expiry a measured claim beats a documented one, afterwards any claim beats
    only unverified ones. Among equals the later observation wins, then the first written.
    """
    stated = [claim for claim in claims if claim.value is not None]
    if not stated:
        return None
    newest_first = sorted(stated, key=lambda claim: claim.observed or "", reverse=True)
    return min(newest_first, key=lambda claim: _rank(claim, today))


def shown(claims: Sequence[Claim[T]], today: date) -> T | None:
    """The value to show, unverified ones included; None means unknown."""
    claim = choose(claims, today)
    return None if claim is None else claim.value


def known(claims: Sequence[Claim[T]], today: date) -> T | None:
    """The value a decision may rest on: never an unverified or expired one."""
    return shown([claim for claim in claims if _rank(claim, today) < _EXPIRED], today)


def disputed(claims: Sequence[Claim[Any]], today: date) -> bool:
    """True when claims that may be relied on name different values."""
    values = [c.value for c in claims if c.value is not None and _rank(c, today) < _EXPIRED]
    return any(value != values[0] for value in values)


def _rank(claim: Claim[Any], today: date) -> int:
    if claim.kind == "unverified":
        return _RANK["unverified"]
    if claim.expires is not None and _last_day(claim.expires) < today.isoformat():
        return _EXPIRED
    if claim.kind == "measured" and claim.expires is not None:
        return 0
    return _RANK[claim.kind]


def _last_day(day: str) -> str:
    """``2026`` lasts to its end: compares like the last day it covers."""
    return day + "-99-99"[: len("2026-11-22") - len(day)]
