"""Joining is verified: real agents, a real hub, and ways that are really cut.

An agent's own socket, by which its workers dial out, is taken away: its streams live on and it
can be dialled, and nothing there can dial anybody. That is a gap to every other site.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import contextmanager

import cloudpickle
import numpy as np
import pytest
from distributed import wait

from .conftest import Home

# The scheduler and the workers do not have this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

SENTENCE_SECONDS = 5


@contextmanager
def cut_off(home: Home, site: str):
    """Nobody at ``site`` can dial out of it."""
    gates = [*(home.folder / site).rglob("*.gate")]
    assert gates
    moved = {gate: gate.with_suffix(".away") for gate in gates}
    for gate, away in moved.items():
        gate.rename(away)
    try:
        yield
    finally:
        for gate, away in moved.items():
            away.rename(gate)


def gaps_of(dask_scheduler) -> dict[str, list[str]]:
    found = dask_scheduler.verification.found
    return {dask_scheduler.workers[each].name: sorted(sites) for each, sites in found.items()}


def apart(dask_scheduler, one: str, other: str) -> bool:
    """Both were looked at, and a gap is noted at one of them: it counts both ways."""
    pair = [dask_scheduler.aliases[name] for name in (one, other)]
    known = dask_scheduler.verification.found
    return all(each in known for each in pair) and not dask_scheduler.gaps.usable(*pair)


async def are_apart(client, one: str, other: str) -> None:
    async with asyncio.timeout(30):
        while not await client.run_on_scheduler(apart, one=one, other=other):
            await asyncio.sleep(0.1)


def look_again(dask_scheduler) -> None:
    """What the scheduler does when the broker says that links came up."""
    from jupyter_continuum.relay.address import parse

    dask_scheduler.verification.look_again(parse(each).exchange for each in dask_scheduler.workers)


async def gaps_become(client, wanted: dict[str, list[str]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while (found := await client.run_on_scheduler(gaps_of)) != wanted:
            await asyncio.sleep(0.1)
    assert found == wanted


def seconds_until_told(dask_scheduler, name: str) -> float:
    """From a worker's joining to the first word on what it reaches, by the events' own clock."""
    address = dask_scheduler.aliases[name]
    events = [(when, event) for when, event in dask_scheduler.get_events(address)]
    at = {event["action"]: when for when, event in reversed(events)}
    return at["reachability"] - at["add-worker"]


async def joined(client, number: int) -> None:
    async with asyncio.timeout(60):
        await client.wait_for_workers(number)


@pytest.fixture
async def north(home):
    """A cluster with one worker at north, and a client."""
    await home.submit("north")
    async with home.client() as client:
        await joined(client, 1)
        await gaps_become(client, {"north-1-0-0": []})
        yield client


async def test_a_newcomer_that_is_reached_has_no_gap(home, north):
    await home.submit("south")
    await joined(north, 2)
    await gaps_become(north, {"north-1-0-0": [], "south-1-0-0": []})
    assert await north.run_on_scheduler(lambda dask_scheduler: bool(dask_scheduler.gaps)) is False


async def test_no_task_crosses_a_gap_and_what_must_waits_until_it_heals(home, north):
    data = north.submit(np.arange, 1000)
    await wait(data)
    with cut_off(home, "north"):
        await home.submit("south")
        await joined(north, 2)
        await are_apart(north, "north-1-0-0", "south-1-0-0")
        seconds = await north.run_on_scheduler(seconds_until_told, name="south-1-0-0")
        assert seconds < SENTENCE_SECONDS

        # Root tasks with data across the gap, and those without: each where it can be.
        sums = north.map(lambda n, x: n + int(x.sum()), range(40), x=data)
        alone = north.map(lambda n: (n, os.environ["JC_NODE"]), range(40))
        async with asyncio.timeout(30):
            assert await north.gather(sums) == [n + 499_500 for n in range(40)]
            assert [n for n, _ in await north.gather(alone)] == [*range(40)]
        held = await north.who_has(sums)
        names = await where(north)
        assert {names[each] for each in sum(held.values(), ())} == {"north-1-0-0"}
        held = await north.who_has(alone)
        assert {names[each] for each in sum(held.values(), ())} == {"north-1-0-0", "south-1-0-0"}

        # What Dask does with copies ends, and leaves them on this side.
        async with asyncio.timeout(30):
            await north.replicate([data])
            await north.rebalance([data])
        assert {names[each] for each in (await north.who_has([data]))[data.key]} == {"north-1-0-0"}

        other = north.submit(np.ones, 1000, workers=["south-1-0-0"], pure=False)
        await wait(other)
        both = north.submit(lambda x, y: float((x * y).sum()), data, other)
        pinned = north.submit(lambda x: int(x.max()), data, workers=["south-1-0-0"])
        loose = north.submit(
            lambda x: int(x.min()), data, workers=["south-1-0-0"], allow_other_workers=True
        )
        async with asyncio.timeout(30):
            assert await loose == 0
        states = await north.run_on_scheduler(states_of, keys=[both.key, pinned.key])
        assert states == ["no-worker", "no-worker"]
    await north.run_on_scheduler(look_again)
    async with asyncio.timeout(30):
        assert await both == 499_500.0
        assert await pinned == 999
    await gaps_become(north, {"north-1-0-0": [], "south-1-0-0": []})


def fail_the_next_look(dask_scheduler) -> None:
    verification = dask_scheduler.verification
    look = verification._look

    async def fail_once(*args: object) -> frozenset[str]:
        verification._look = look
        raise ZeroDivisionError

    verification._look = fail_once


async def test_an_error_that_nobody_foresaw_shuts_no_worker_out_for_ever(home, north):
    await north.run_on_scheduler(fail_the_next_look)
    await home.submit("south")
    await joined(north, 2)
    await gaps_become(north, {"north-1-0-0": [], "south-1-0-0": []})


def states_of(dask_scheduler, keys) -> list[str]:
    return [dask_scheduler.tasks[key].state for key in keys]


async def where(client) -> dict[str, str]:
    info = await client.scheduler.identity(n_workers=-1)
    return {address: each["name"] for address, each in info["workers"].items()}


async def test_another_worker_of_the_site_heals_a_newcomer_and_shows_whose_fault_it_was(
    home, north
):
    with cut_off(home, "north"):
        await home.submit("south")
        await joined(north, 2)
        await are_apart(north, "north-1-0-0", "south-1-0-0")
        await home.submit("north", number=2)  # its agent has a socket of its own
        await joined(north, 3)
        await north.run_on_scheduler(look_again)
        wanted = {"north-1-0-0": ["south"], "north-2-0-0": [], "south-1-0-0": []}
        await gaps_become(north, wanted, seconds=60)
    await north.run_on_scheduler(look_again)
    await gaps_become(north, {name: [] for name in wanted})


async def test_a_worker_that_the_scheduler_does_not_reach_gets_nothing(home, north):
    await home.submit("south")
    await joined(north, 2)
    await gaps_become(north, {"north-1-0-0": [], "south-1-0-0": []})
    pid = await north.submit(os.getpid, workers=["south-1-0-0"], pure=False)
    os.kill(pid, signal.SIGSTOP)
    try:
        await north.run_on_scheduler(look_again)
        await gaps_become(north, {"north-1-0-0": [], "south-1-0-0": ["home"]})
        futures = north.map(lambda n: n * n, range(50))
        async with asyncio.timeout(30):
            assert await north.gather(futures) == [n * n for n in range(50)]
    finally:
        os.kill(pid, signal.SIGCONT)
    await gaps_become(north, {"north-1-0-0": [], "south-1-0-0": []})
    future = north.submit(lambda: 7, workers=["south-1-0-0"], pure=False)
    async with asyncio.timeout(30):
        assert await future == 7
