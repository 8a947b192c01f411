"""A number and how it is known, and a claim as an estimate or a limit takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

AmountKind = Literal["measured", "estimated", "stated", "unknown"]
UNSOURCED = ("unverified", "expired")
"""Kinds of claims on which no estimate rests and that satisfy no limit."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number and how it is known; ``value`` None with a ``reason``."""

    value: float | None
    kind: AmountKind
    source: str = ""
    reason: str = ""
    date: str = ""
    """Of the source, as exactly as it is known; "" where it is not."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A claim as the estimate takes it."""

    value: Any  # whatever the claim holds
    kind: str
    source: str = ""
    date: str = ""

    @property
    def words(self) -> str:
        shown = f"{self.value:g}" if isinstance(self.value, int | float) else str(self.value)
        return f"{shown} ({self.kind}: {self.source or 'no source named'})"

    @property
    def sourced(self) -> bool:
        return self.kind not in UNSOURCED


Claims = Mapping[str, Stated]
"""Of one site or offer, by field."""


def unknown(reason: str) -> Amount:
    return Amount(None, "unknown", reason=reason)


def number(claims: Claims, field: str) -> float | None:
    """The number that a sourced claim gives; None where there is none."""
    claim = claims.get(field)
    if claim is None or not claim.sourced or not isinstance(claim.value, int | float):
        return None
    return float(claim.value)
