"""When an agent leaves by itself."""

from __future__ import annotations

import asyncio
import time

import pytest

from jupyter_continuum.worker.deadlines import (
    drain_seconds,
    job_end,
    lease_has_run_out,
    moment_has_come,
    race,
)
from jupyter_continuum.worker.supervise import LONGEST_PAUSE_SECONDS, pause_seconds


def test_slurm_knows_the_end_better():
    assert job_end({"SLURM_JOB_END_TIME": "1700000000"}, walltime_seconds=60, now=1.0) == 1.7e9
    assert job_end({}, walltime_seconds=60, now=1.0) == 61.0


@pytest.mark.parametrize(("walltime", "drain"), [(600, 60), (1200, 120), (86400, 120), (20, 2)])
def test_hand_over_takes_a_tenth_and_at_most_two_minutes(walltime, drain):
    assert drain_seconds(walltime) == drain


async def test_lease_is_renewed_by_what_is_heard():
    heard = [time.monotonic()]
    lease = asyncio.create_task(lease_has_run_out(lambda: heard[0], 0.1))
    heard[0] += 0.1
    await lease
    assert time.monotonic() >= heard[0] + 0.1


async def test_moment_in_the_past_has_come():
    async with asyncio.timeout(1):
        await moment_has_come(time.time() - 5)


async def test_ending_wins_and_the_work_goes_on():
    done = asyncio.Event()
    work = asyncio.create_task(done.wait())

    async def ending() -> None:
        return None

    assert await race(work, {"enough": ending(), "never": asyncio.Event().wait()}) == "enough"
    assert not work.done()
    done.set()
    assert await race(work, {"never": asyncio.Event().wait()}) == ""


def test_pauses_grow_and_are_spread():
    assert pause_seconds(0, 1.0) < pause_seconds(3, 1.0) < pause_seconds(99, 1.0)
    assert pause_seconds(99, 1.0) == LONGEST_PAUSE_SECONDS
    assert pause_seconds(5, 0.0) == pause_seconds(5, 1.0) / 2
