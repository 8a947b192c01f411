"""What energy counters at a site are said to have counted, read field by field. Pure."""

from __future__ import annotations

import math
from typing import Any, get_args

from jupyter_continuum.broker.words import one_line
from jupyter_continuum.planning.metering import Covers, Reading, Source

SOURCES: tuple[Source, ...] = ("nvml", "amdgpu", "cray", "rapl")
COVERED: tuple[Covers, ...] = get_args(Covers)
MOST_COUNTERS = 48
"""More than a node has; what is said beyond is not believed."""
MOST_JOULES = 1e13
"""A node of 10 kW draws as much in thirty years."""
MOST_SECONDS = 1e9


def read_energy(told: Any) -> dict[str, list[Reading]]:  # Any: whatever JSON held
    """By the name that the workers of one agent have in common."""
    found = told if isinstance(told, dict) else {}
    return {str(name): _readings(rows) for name, rows in found.items()}


def _readings(told: Any) -> list[Reading]:
    rows = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    found = {each.key: each for row in rows[:MOST_COUNTERS] if (each := _reading(row)) is not None}
    return list(found.values())


def _reading(row: dict[str, Any]) -> Reading | None:
    source = next((each for each in SOURCES if each == row.get("source")), None)
    covers = next((each for each in COVERED if each == row.get("covers")), None)
    joules, seconds = (_number(row.get(name)) for name in ("joules", "seconds"))
    if source is None or covers is None or joules is None or seconds is None:
        return None
    if joules > MOST_JOULES or seconds > MOST_SECONDS:
        return None
    share = _number(row.get("share"))
    return Reading(
        source,
        covers,
        one_line(row.get("name") or "", 80),
        joules,
        seconds,
        why=one_line(row.get("why") or "", 160),
        alone=True if row.get("alone") is True else None,
        share=share if share is not None and 0 < share <= 1 else None,
        sampled=row.get("sampled") is True,
    )


def _number(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if fits and math.isfinite(value) and value >= 0 else None
