"""When an agent comes, stays and goes: real agents, a real hub, no broker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from distributed import wait

from jupyter_continuum.relay.hub import ALIVE_SECONDS
from jupyter_continuum.sites.protocols import JobState

from .conftest import started_home

ENDED = (JobState.ENDED, JobState.FAILED, JobState.CANCELLED)
TRIES = (1, 2, 3)
"""A busy machine only adds to what something takes: the least of these is the nearest."""


def processes_of(home, site: str, name: str) -> list[psutil.Process]:
    from jupyter_continuum.sites.here.process_tree import _members

    return _members(home.sites[site][0]._job_folder(name))


def agent_of(home, site: str, name: str) -> psutil.Process:
    return next(
        each
        for each in processes_of(home, site, name)
        if "jupyter_continuum.worker" in each.cmdline()
    )


async def all_gone(home, site: str, name: str) -> bool:
    """Its script and the tracker of multiprocessing end right after the agent."""
    await asyncio.to_thread(psutil.wait_procs, processes_of(home, site, name), timeout=10)
    return processes_of(home, site, name) == []


async def verified(client) -> None:
    """Until all newcomers were looked at: before that no result moves between sites."""

    def unsettled(dask_scheduler) -> bool:
        return bool(dask_scheduler.gaps or dask_scheduler.verification._checks)

    async with asyncio.timeout(40):
        while await client.run_on_scheduler(unsettled):
            await asyncio.sleep(0.1)


async def ready(client, count: int, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        await client.wait_for_workers(count)


async def test_told_to_end_it_is_gone_in_two_seconds_with_all_it_made(home):
    async with home.client() as client:
        for number in TRIES:
            job = await home.submit("sitea", workers=2, number=number)
            await ready(client, 2)
            folder = home.sites["sitea"][0]._job_folder(job)
            scratch = await client.run(lambda dask_worker: dask_worker.local_directory)
            start = time.monotonic()
            home.order(do="end", agent=home.agents[-1])
            assert (await home.reached("sitea", job, *ENDED)).state is JobState.ENDED
            took = time.monotonic() - start
            assert await all_gone(home, "sitea", job)
            assert not [path for path in map(Path, scratch.values()) if path.exists()]
            assert not list((home.folder / "sitea" / "s").iterdir())
            assert not list(folder.glob("g*.sock")) + list(folder.glob("join-*"))
            if took < 2 + 1:  # one for the poll
                return
    raise AssertionError(f"It took {took:.1f} s.")


async def test_told_to_end_while_the_scheduler_does_not_answer(home):
    home.scheduler.send_signal(signal.SIGSTOP)
    try:
        for number in TRIES:
            job = await home.submit("sitea", number=number)
            async with asyncio.timeout(30):
                while "let into" not in await home.log("sitea", job):
                    await asyncio.sleep(0.1)
            start = time.monotonic()
            home.order(do="end", agent=home.agents[-1])
            assert (await home.reached("sitea", job, *ENDED)).state is JobState.ENDED
            took = time.monotonic() - start
            assert await all_gone(home, "sitea", job)
            if took < 5:
                return
    finally:
        home.scheduler.send_signal(signal.SIGCONT)
    raise AssertionError(f"It took {took:.1f} s.")


async def test_told_to_end_while_a_worker_starts(home, tmp_path: Path):
    """Its process has not come so far as to hear anything."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\nwhile 'spawn_main' in ' '.join(sys.orig_argv): time.sleep(1)"
    )
    job = await home.submit("sitea", prologue=f"export PYTHONPATH={tmp_path}")

    def starting() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            commands = [" ".join(each.cmdline()) for each in processes_of(home, "sitea", job)]
            return any("spawn_main" in each for each in commands)
        return False

    async with asyncio.timeout(40):
        while not starting():
            await asyncio.sleep(0.1)
    home.order(do="end", agent=home.agents[0])
    assert (await home.reached("sitea", job, *ENDED)).state is JobState.ENDED
    assert await all_gone(home, "sitea", job)


async def test_refused_agent_says_why_and_ends(home):
    home.refuse = "Python is 3.9 there and 3.11 here. Use the same minor version."
    job = await home.submit("sitea")
    found = await home.reached("sitea", job, *ENDED)
    assert (found.state, found.reason) == (JobState.FAILED, "exit 1")
    log = await home.log("sitea", job)
    assert "Python is 3.9 there" in log
    assert "Traceback" not in log


async def test_nobody_calls_so_the_lease_ends_it(home):
    lease = ALIVE_SECONDS + 5  # renewed as long as the hub speaks
    job = await home.submit("sitea", lease=lease)
    async with home.client() as client:
        await ready(client, 1)
    home.hub.send_signal(signal.SIGSTOP)  # silence, not a closed connection
    try:
        found = await home.reached("sitea", job, *ENDED)
    finally:
        home.hub.send_signal(signal.SIGCONT)
    assert found.state is JobState.ENDED
    said = f"nothing was heard from the cluster for {lease} s"
    assert said in await home.log("sitea", job)
    assert await all_gone(home, "sitea", job)


async def test_results_are_handed_over_before_walltime(home):
    await home.submit("siteb", number=1)
    async with home.client() as client:
        await ready(client, 1)
        end = int(time.time()) + 105  # drained a tenth of the walltime before
        job = await home.submit(
            "sitea",
            number=1,
            walltime_seconds=600,
            prologue=f"export SLURM_JOB_END_TIME={end}",
        )
        await ready(client, 2)
        await verified(client)
        kept = client.submit(
            np.arange, 1000, workers=["sitea-1-0-0"], allow_other_workers=True, retries=0
        )
        await wait(kept)
        holders = (await client.who_has([kept]))[kept.key]
        assert [each.split(".")[0] for each in holders] == ["relay://sitea"]
        starts = client.submit(os.getpid, pure=False)
        await wait(starts)
        ended = await home.reached("sitea", job, *ENDED, seconds=end - time.time())
        assert ended.state is JobState.ENDED
        assert (await kept)[-1] == 999
        holders = (await client.who_has([kept]))[kept.key]
        assert [each.split(".")[0] for each in holders] == ["relay://siteb"]
        assert time.time() < end
    log = await home.log("sitea", job)
    assert "the walltime is nearly over" in log
    assert "handed over: 1 of 1" in log


@pytest.mark.parametrize("workers", [1, 2])
async def test_sigterm_hands_over_and_ends(home, workers):
    await home.submit("siteb")
    async with home.client() as client:
        await ready(client, 1)
        job = await home.submit("sitea", workers=workers)
        await ready(client, 1 + workers)
        await verified(client)
        kept = client.submit(np.arange, 10, workers=["sitea-1-0-0"], allow_other_workers=True)
        await wait(kept)
        # As a batch system does: to every process of the job.
        for process in processes_of(home, "sitea", job):
            with contextlib.suppress(psutil.NoSuchProcess):  # the agent ended it first
                process.send_signal(signal.SIGTERM)
        assert (await home.reached("sitea", job, *ENDED)).state is JobState.ENDED
        assert (await kept)[-1] == 9
    assert f"handed over: {workers} of {workers}" in await home.log("sitea", job)
    assert await all_gone(home, "sitea", job)
    assert not list((home.folder / "sitea" / "s").iterdir())


async def test_results_are_handed_over_as_soon_as_somebody_can_take_them(home):
    def set_gaps(worker: str, sites: set[str], dask_scheduler) -> None:
        dask_scheduler.set_gaps(worker, frozenset(sites))

    def heal_after_a_refusal(worker: str, dask_scheduler) -> None:
        retire = dask_scheduler.retire_workers

        async def refuse_once(**asked):
            retired = await retire(**asked)
            assert not retired
            dask_scheduler.handlers["retire_workers"] = retire
            dask_scheduler.set_gaps(worker, frozenset())
            return retired

        dask_scheduler.handlers["retire_workers"] = refuse_once

    await home.submit("siteb")
    async with home.client() as client:
        await ready(client, 1)
        [other] = (await client.scheduler.identity(n_workers=-1))["workers"]
        job = await home.submit("sitea")
        await ready(client, 2)
        await verified(client)
        kept = client.submit(np.arange, 10, workers=["sitea-1-0-0"], allow_other_workers=True)
        await wait(kept)
        await client.run_on_scheduler(set_gaps, other, {"sitea"})
        await client.run_on_scheduler(heal_after_a_refusal, other)
        agent_of(home, "sitea", job).send_signal(signal.SIGTERM)
        assert (await home.reached("sitea", job, *ENDED)).state is JobState.ENDED
    assert "handed over: 1 of 1" in await home.log("sitea", job)


async def test_without_another_worker_results_are_not_handed_over_in_vain(home):
    async with home.client() as client:
        for number in TRIES:
            job = await home.submit("sitea", number=number)
            await ready(client, 1)
            kept = client.submit(np.arange, 10, pure=False)
            await wait(kept)
            start = time.monotonic()
            agent_of(home, "sitea", job).send_signal(signal.SIGTERM)
            assert (await home.reached("sitea", job, *ENDED)).state is JobState.ENDED
            took = time.monotonic() - start
            assert "no other worker can take them" in await home.log("sitea", job)
            kept.release()
            if took < 3 + 5:  # what it may take, and its end
                return
    raise AssertionError(f"It took {took:.1f} s.")


async def test_killed_worker_comes_back_and_its_task_is_done(home):
    await home.submit("sitea")
    async with home.client() as client:
        await ready(client, 1)
        pid = await client.submit(os.getpid, pure=False)
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            assert await client.submit(os.getpid, pure=False) != pid


async def test_lost_scheduler_connection_keeps_the_allocation(home):
    """distributed closes worker and nanny for good when their scheduler stream breaks."""
    job = await home.submit("sitea")
    async with home.client() as client:
        await ready(client, 1)

        async def cut(dask_scheduler):
            for comm in list(dask_scheduler.stream_comms.values()):
                comm.abort()

        await client.run_on_scheduler(cut)
        async with asyncio.timeout(40):
            while "starting again" not in await home.log("sitea", job):
                await asyncio.sleep(0.1)
            assert await client.submit(lambda: 1, pure=False) == 1
    assert (await home.job("sitea", job)).state is JobState.RUNNING


@pytest.mark.parametrize("workers", [1, 2])
async def test_killed_agent_leaves_no_worker_behind(home, workers):
    job = await home.submit("sitea", workers=workers)
    async with home.client() as client:
        await ready(client, workers)
        agent_of(home, "sitea", job).kill()
        assert (await home.reached("sitea", job, *ENDED)).reason == "SIGKILL"
    assert await all_gone(home, "sitea", job)


async def test_ticket_is_gone_and_no_secret_is_told(home):
    job = await home.submit("sitea")
    async with home.client() as client:
        await ready(client, 1)
        folder = home.sites["sitea"][0]._job_folder(job)
        text = "".join(
            path.read_text(errors="replace") for path in folder.iterdir() if path.is_file()
        )
        for process in processes_of(home, "sitea", job):
            with contextlib.suppress(psutil.NoSuchProcess):
                text += str(process.cmdline()) + str(process.environ())
    assert "PRIVATE KEY" not in text
    assert '"token"' not in text


async def test_one_process_may_attach_to_two_clusters(home):
    await home.submit("sitea")
    async with started_home() as other, home.client() as one, other.client() as two:
        await other.submit("siteb")
        await asyncio.gather(ready(one, 1), ready(two, 1))
        async with asyncio.timeout(20):
            found = [await each.run(lambda dask_worker: dask_worker.name) for each in (one, two)]
    assert [list(each.values()) for each in found] == [["sitea-1-0-0"], ["siteb-1-0-0"]]


async def test_every_node_of_a_job_brings_its_workers(home):
    await home.submit("sitea", nodes=2, workers=2)
    async with home.client() as client:
        await ready(client, 4)
        found = (await client.scheduler.identity(n_workers=-1))["workers"].values()
    names = [f"sitea-1-{rank}-{number}" for rank in range(2) for number in range(2)]
    assert sorted(worker["name"] for worker in found) == names


async def test_workers_of_a_site_dial_each_other_by_tcp_where_they_may(home):
    for number in (1, 2):
        await home.submit("sitea", number=number, direct="tcp")
    async with home.client() as client:
        await ready(client, 2)
        big = client.submit(bytes, 5_000_000, workers=["sitea-1-0-0"])
        assert await client.submit(len, big, workers=["sitea-2-0-0"]) == 5_000_000
        found = (await client.scheduler.identity(n_workers=-1))["workers"]
    assert all("@" in address for address in found)


@pytest.mark.full
async def test_broadcast_ends_over_a_slow_link(home):
    """Dask's own policy drops the copies as fast as a slow link brings them: it never ends."""
    for site in ("sitea", "siteb"):
        await home.submit(site, workers=2)
    for _, transport in home.sites.values():
        for line in (transport.there, transport.back):
            line.bytes_per_second = 4e6
    async with home.client() as client:
        await ready(client, 4)
        async with asyncio.timeout(120):
            future = await client.scatter(np.random.default_rng(1).bytes(8_000_000), broadcast=True)
        for _ in range(3):
            await client.amm.run_once()
        assert len((await client.who_has([future]))[future.key]) == 4
