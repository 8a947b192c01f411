"""What makes an agent leave by itself, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

DRAIN_SECONDS = 120
DRAIN_SHARE = 0.1

ENDED = "the cluster has ended"
STOPPED = "the job was told to stop"
WALLTIME = "the walltime is nearly over"

Ending = Coroutine[Any, Any, object]
"""Returns when the agent must leave."""


def job_end(environment: Mapping[str, str], *, walltime_seconds: float, now: float) -> float:
    """When the job ends, in seconds of the epoch: as Slurm says, or counted from ``now``."""
    told = environment.get("SLURM_JOB_END_TIME", "")
    return float(told) if told.isdecimal() else now + walltime_seconds


def drain_seconds(walltime_seconds: float) -> float:
    """How long before the end results are handed over."""
    return min(DRAIN_SECONDS, DRAIN_SHARE * walltime_seconds)


async def lease_has_run_out(last_heard: Callable[[], float], lease_seconds: float) -> None:
    """Return once nothing was heard for ``lease_seconds``; ``last_heard`` is monotonic time."""
    left = lease_seconds
    while left > 0:
        await asyncio.sleep(left)
        left = last_heard() + lease_seconds - time.monotonic()


async def moment_has_come(moment: float) -> None:
    """Return at ``moment`` (seconds of the epoch), also when the clock is set meanwhile."""
    left = moment - time.time()
    while left > 0:
        await asyncio.sleep(min(left, 60))
        left = moment - time.time()


async def race(work: asyncio.Task[Any], endings: Mapping[str, Ending]) -> str:
    """Wait for ``work`` or an ending; the ending's words, or "" when ``work`` was first.

    ``work`` goes on when an ending came first.
    """
    tasks = {asyncio.ensure_future(ending): words for words, ending in endings.items()}
    try:
        await asyncio.wait({work, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        return "" if work.done() else next(words for task, words in tasks.items() if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
