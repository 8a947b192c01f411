"""Which carrier to try next at a site, and how to say why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jupyter_continuum.sites.protocols import CarrierName

AGAIN_SECONDS = 600
"""After so long, a carrier that was denied or stopped working is asked again."""
FAILURES = 2
"""A carrier that did not open a link so often in a row, while the site answers, is passed over."""


@dataclass(frozen=True, slots=True)
class Setback:
    """Why a carrier does not carry at a site."""

    reason: str
    at: float
    denied: bool
    """The site does not allow it; False: it stopped working."""

    def holds(self, now: float) -> bool:
        return now - self.at < AGAIN_SECONDS


def preferred(
    offered: Sequence[CarrierName],
    *,
    chosen: CarrierName | None,
    prefer: Sequence[CarrierName],
) -> tuple[CarrierName, ...]:
    """The carriers of a site, best first, whatever became of them.

    ``chosen`` by the person stands alone. What ``prefer`` does not name follows in the
    order of ``offered``.
    """
    if chosen is not None:
        return (chosen,) if chosen in offered else ()
    first = [name for name in dict.fromkeys(prefer) if name in offered]
    return (*first, *(name for name in offered if name not in first))


def to_try(
    best_first: Sequence[CarrierName], setbacks: Mapping[CarrierName, Setback], now: float
) -> tuple[CarrierName, ...]:
    """All of them: what works first, then what stopped working, then what is denied."""

    def rank(name: CarrierName) -> int:
        setback = setbacks.get(name)
        if setback is None or not setback.holds(now):
            return 0
        return 2 if setback.denied else 1

    return tuple(sorted(best_first, key=rank))


def better(
    best_first: Sequence[CarrierName],
    current: CarrierName,
    setbacks: Mapping[CarrierName, Setback],
    now: float,
) -> tuple[CarrierName, ...]:
    """Carriers that should be tried though ``current`` carries."""
    at = best_first.index(current) if current in best_first else len(best_first)
    above = best_first[:at]
    return tuple(name for name in above if name not in setbacks or not setbacks[name].holds(now))


def why_not_better(
    best_first: Sequence[CarrierName],
    current: CarrierName,
    setbacks: Mapping[CarrierName, Setback],
    *,
    site: str,
) -> str:
    """Why none above ``current`` carries, as a sentence; "" when it is the best."""
    at = best_first.index(current) if current in best_first else 0
    above = [name for name in best_first[:at] if name in setbacks]
    said = [clause(name, setbacks[name].reason, site) for name in above]
    return f"Not {'; not '.join(said)}." if said else ""


def no_way(site: str, tried: Mapping[CarrierName, str]) -> str:
    """The sentence when every carrier failed."""
    said = "; ".join(clause(name, reason, site) for name, reason in tried.items())
    return (
        f"{site}: no way leads to its workers: {said}. "
        f"See what works there: `jupyter continuum doctor {site}`."
    )


def clause(name: CarrierName, reason: str, site: str) -> str:
    """``ssh-forward: the login node denies it``, without what the sentence around says already."""
    words = reason.removeprefix(f"{site}: ").strip()
    return f"{name}: {words.rstrip('.')}"
