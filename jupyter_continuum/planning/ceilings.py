"""What becomes of a cluster that nears a ceiling: a warning, no growth, an orderly end. Pure.

The same figures always give the same step, so nothing has to be remembered: the rate is that of
all jobs that are wanted, also once they have ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

DRAIN_SECONDS = 30
"""What workers may take to hand over what they hold is kept back for that."""
WARN, HOLD = 0.8, 0.9
"""Of what may be spent before the end begins."""


class Level(IntEnum):
    FINE = 0
    WARNED = 1
    HELD = 2
    """No job is submitted any more."""
    DRAINED = 3
    """Every job hands over its data and ends."""


@dataclass(frozen=True, slots=True)
class Step:
    level: Level
    said: str = ""
    """One sentence; "" when all is fine."""
    next_seconds: float | None = None
    """When the next level is reached at this rate; None: not at all."""


FINE = Step(Level.FINE)


def step(spent: float, per_hour: float, most: float, unit: str) -> Step:
    """``spent`` of ``most``, while all that is wanted would spend ``per_hour``."""
    # No more than half is kept back, or a launch that fits could not even begin.
    end = most - min(most / 2, per_hour * DRAIN_SECONDS / 3600)
    limits = (WARN * end, HOLD * end, end)
    passed = sum(spent >= limit for limit in limits) if per_hour or spent >= most else 0
    if not passed:
        return Step(Level.FINE, next_seconds=_until(limits[0], spent, per_hour))
    said = f"{spent:.4g} of at most {most:g} {unit} are spent"
    what = {
        Level.WARNED: "soon no more jobs are submitted, then those that run end",
        Level.HELD: "no more jobs are submitted, and those that run end soon",
        Level.DRAINED: "its jobs hand over their data and end",
    }[Level(passed)]
    ahead = limits[passed] if passed < len(limits) else None
    return Step(
        Level(passed),
        f"{said}: {what}.",
        None if ahead is None else _until(ahead, spent, per_hour),
    )


def worst(steps: Iterable[Step]) -> Step:
    """The one that goes furthest; the first of equals."""
    every = list(steps)
    if not every:
        return FINE
    found = max(every, key=lambda each: each.level)
    soon = [each.next_seconds for each in every if each.next_seconds is not None]
    return Step(found.level, found.said, min(soon, default=None))


def allowed(level: Level, wanted: int, live: int) -> int:
    """How many jobs there may be."""
    if level is Level.DRAINED:
        return 0
    return min(wanted, live) if level is Level.HELD else wanted


def _until(limit: float, spent: float, per_hour: float) -> float | None:
    return max(0.0, (limit - spent) / per_hour * 3600) if per_hour else None
