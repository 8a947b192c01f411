"""What a job's counters have counted since its agent began, in a file that its workers tell of.

The agent outlives its workers, so a worker that is started anew changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_continuum.worker.counters import Counter, Unread

EVERY_SECONDS = 2.0
STILL_SECONDS = 10.0
"""A counter that has not moved for so long counts nothing: no hardware draws nothing."""
LONGEST_STEP_SECONDS = 30.0
"""Power between two readings so far apart is not known."""
SLACK_SECONDS = 1.0
"""Counters are brought up to date now and then: so much may come at once."""

logger = logging.getLogger(__name__)


class Sum:
    """One counter, summed up. Pure: readings and their moments come from outside."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.joules = 0.0
        self.seconds = 0.0
        """Over which ``joules`` were counted."""
        self._last: tuple[float, float] | None = None
        """What it read, and when."""
        self._unread = ""
        self._lost = ""
        """Why something is missing in ``joules`` for good."""

    def take(self, value: float | Unread, now: float) -> None:
        """It read ``value`` at ``now``, in seconds of a clock that only goes forward."""
        if not isinstance(value, Unread) and not (math.isfinite(value) and value >= 0):
            value = Unread("it told no energy")
        if isinstance(value, Unread):
            self._unread = str(value)
            return
        self._unread = ""
        before, self._last = self._last, (value, now)
        if before is None or now <= before[1]:
            return
        seconds = now - before[1]
        found = self._between(before[0], value, seconds)
        if isinstance(found, str):
            self._lost = self._lost or found
            return
        self.joules += found
        self.seconds += seconds

    def _between(self, old: float, new: float, seconds: float) -> float | str:
        """The joules of one step, or why they are not known."""
        counter = self.counter
        if counter.is_power:
            if seconds > LONGEST_STEP_SECONDS:
                return f"it was not read for {seconds:.0f} s"
            if max(old, new) > counter.most_watts:
                return f"it told {max(old, new):.3g} W, which cannot be"
            return (old + new) / 2 * seconds
        if counter.wraps_at and seconds * counter.most_watts > counter.wraps_at:
            return f"it was not read for {seconds:.0f} s, and may have begun anew more than once"
        step = new - old
        if step < 0:
            if not counter.wraps_at:
                return "it went backwards"
            step += counter.wraps_at
        if not 0 <= step <= (seconds + SLACK_SECONDS) * counter.most_watts:
            return f"it jumped by {step:.3g} J in {seconds:.3g} s, which cannot be"
        return step

    def told(self, *, alone: bool | None, share: float | None) -> dict[str, Any]:
        counter = self.counter
        still = self.seconds >= STILL_SECONDS and not self.joules
        return {
            "source": counter.source,
            "covers": counter.covers,
            "name": counter.name,
            "sampled": counter.is_power,
            "joules": round(self.joules, 3),
            "seconds": round(self.seconds, 3),
            "why": self._lost or self._unread or ("it stands still" if still else ""),
            "alone": counter.exclusive or alone,
            "share": 1.0 if counter.exclusive else share,
        }


class Meter:
    """All counters of one agent, in the file ``path``."""

    def __init__(
        self, counters: Sequence[Counter], path: Path, *, alone: bool | None, share: float | None
    ) -> None:
        self.path = path
        self._sums = [Sum(counter) for counter in counters]
        self._alone = alone
        self._share = share
        self._unwritten = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.to_thread(self.look, time.monotonic)
            await asyncio.sleep(EVERY_SECONDS)

    def look(self, clock: Any) -> None:  # a function without arguments, as time.monotonic
        for each in self._sums:
            each.take(_read(each.counter), clock())
        told = [each.told(alone=self._alone, share=self._share) for each in self._sums]
        partial = self.path.with_name(f"{self.path.name}.new")
        try:
            partial.write_text(json.dumps(told))
            os.replace(partial, self.path)
        except OSError as error:  # a full disk ends no worker
            if self._unwritten != str(error):
                logger.warning("What the energy counters say cannot be told: %s.", error)
            self._unwritten = str(error)


def has_the_node(environment: Mapping[str, str], processors: int) -> bool | None:
    """Slurm gave the job all processors of this node; None where nobody says that it did."""
    told = environment.get("SLURM_CPUS_ON_NODE", "")
    return True if told.isdecimal() and int(told) >= processors else None


def read_told(path: str) -> list[dict[str, Any]]:
    """What a worker tells of its node at each heartbeat: what the agent last wrote."""
    try:
        found: list[dict[str, Any]] = json.loads(Path(path).read_text())
    except (OSError, ValueError):  # not written yet
        return []
    return found


def _read(counter: Counter) -> float | Unread:
    try:
        return counter.read()
    except Unread as error:
        return error
