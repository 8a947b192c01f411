"""Workers of one node fork from one process, and are workers like any other: real agents."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import psutil

from jupyter_continuum.sites.protocols import JobState

from .conftest import Home
from .test_agent_life import ENDED, agent_of, all_gone, processes_of, ready

MEGABYTE = 2**20


async def zygote_of(home: Home, job: str) -> psutil.Process:
    """The fork server, waited for: an agent starts it after it was reached."""
    agent = agent_of(home, "sitea", job).pid
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(psutil.NoSuchProcess):
                for each in processes_of(home, "sitea", job):
                    # Its workers have its command line too.
                    if each.ppid() == agent and "forkserver" in " ".join(each.cmdline()):
                        return each
            await asyncio.sleep(0.02)


async def family(client) -> dict[str, tuple[int, int]]:
    """Of each worker by name: its process and its parent's."""
    found = await client.run(lambda dask_worker: (dask_worker.name, os.getpid(), os.getppid()))
    return {name: (pid, parent) for name, pid, parent in found.values()}


async def living(client, home: Home, job: str) -> dict[str, tuple[int, int]]:
    """The family of two once both, and the process that they fork from, are there to stay."""
    async with asyncio.timeout(40):
        while True:
            found: dict[str, tuple[int, int]] = {}
            with contextlib.suppress(OSError):  # one that was about to end was asked
                found = await family(client)
            alive = {each.pid for each in processes_of(home, "sitea", job)}
            if len(found) == 2 and all({*each} <= alive for each in found.values()):
                return found
            await asyncio.sleep(0.05)


async def successor(client, name: str, pid: int) -> tuple[int, int]:
    """Process and parent of the worker ``name`` once it is another than ``pid``."""
    async with asyncio.timeout(40):
        while True:
            try:
                found = (await family(client)).get(name, (pid, 0))
            except OSError:  # one that was about to end was asked
                continue
            if found[0] != pid:
                return found
            await asyncio.sleep(0.05)


async def test_each_has_devices_scratch_and_randomness_of_its_own(home):
    def about(dask_worker) -> dict:
        begun_with = Path("/proc/self/environ").read_bytes().decode().split("\0")
        return {
            "python": random.random(),
            "numpy": float(np.random.random()),
            "scratch": dask_worker.local_directory,
            "device": os.environ["CUDA_VISIBLE_DEVICES"],
            "on_sigterm": signal.getsignal(signal.SIGTERM),
            "begun_with": {each for each in begun_with if each.startswith(("MALLOC", "OPENBLAS"))},
            "hash": hash("Europe"),
            "folder": os.getcwd(),
        }

    job = await home.submit(
        "sitea", workers=2, gpus=1, prologue="export CUDA_VISIBLE_DEVICES=GPU-a,GPU-b"
    )
    async with home.client() as client:
        await ready(client, 2)
        zygote = await zygote_of(home, job)
        assert {parent for _, parent in (await family(client)).values()} == {zygote.pid}
        assert zygote.num_threads() == 1
        one, two = (await client.run(about)).values()
    for name in ("python", "numpy", "scratch"):
        assert one[name] != two[name]
    assert {one["device"], two["device"]} == {"GPU-a", "GPU-b"}
    for each in (one, two):
        assert each["on_sigterm"] is signal.SIG_IGN
        assert each["begun_with"] == {"MALLOC_TRIM_THRESHOLD_=65536", "OPENBLAS_NUM_THREADS=1"}
    assert one["hash"] == two["hash"]
    assert one["folder"] == two["folder"]


async def test_killed_or_told_to_restart_it_comes_back_from_the_same_process(home, tmp_path: Path):
    def leave_word(path: str) -> None:
        import atexit

        atexit.register(Path(path).touch)

    job = await home.submit("sitea", workers=2)
    async with home.client() as client:
        await ready(client, 2)
        zygote = await zygote_of(home, job)
        first = await family(client)
        name, other = first
        os.kill(first[name][0], signal.SIGKILL)
        second = await successor(client, name, first[name][0])
        assert second[1] == zygote.pid
        assert (await family(client))[other] == first[other]

        await client.run(leave_word, str(tmp_path / "word"))
        await client.restart()
        third = [await successor(client, name, second[0])]
        third.append(await successor(client, other, first[other][0]))
        assert {parent for _, parent in third} == {zygote.pid}
        assert (tmp_path / "word").exists()


async def test_over_its_memory_limit_it_is_ended_and_comes_back(home, tmp_path: Path):
    def grow_once(mark: str) -> str:
        if not Path(mark).exists():
            Path(mark).write_text(str(os.getpid()))
            held = b"x" * (600 * MEGABYTE)
            time.sleep(60)
            return f"{len(held)} bytes were allowed"
        return "done"

    job = await home.submit("sitea", workers=2, memory_limit_bytes=400 * MEGABYTE)
    async with home.client() as client:
        await ready(client, 2)
        before = await family(client)
        mark = tmp_path / "mark"
        async with asyncio.timeout(40):
            assert await client.submit(grow_once, str(mark)) == "done"
        pid = int(mark.read_text())
        name = next(name for name, (each, _) in before.items() if each == pid)
        zygote = await zygote_of(home, job)
        assert (await successor(client, name, pid))[1] == zygote.pid


async def test_without_their_zygote_they_come_back_and_none_is_left(home):
    job = await home.submit("sitea", workers=2)
    first = await zygote_of(home, job)
    first.kill()  # while it imports, as far as this machine is quick enough
    async with home.client() as client:
        (name, (pid, _)), (other, _) = (await living(client, home, job)).items()
        os.kill(pid, signal.SIGKILL)
        pid, zygote = await successor(client, name, pid)
        assert zygote != first.pid
        assert zygote == (await zygote_of(home, job)).pid

        os.kill(zygote, signal.SIGKILL)  # its workers count as dead, and are ended
        await successor(client, name, pid)
        assert pid not in [each.pid for each in processes_of(home, "sitea", job)]
        known = (await client.scheduler.identity(n_workers=-1))["workers"].values()
        assert {each["name"] for each in known} <= {name, other}
        told = "spawned, not forked: the process that they fork from had ended"
        assert told in await home.log("sitea", job)
        home.order(do="end", agent=home.agents[0])
        assert (await home.reached("sitea", job, *ENDED)).state is JobState.ENDED
    assert await all_gone(home, "sitea", job)
    assert not list((home.folder / "sitea" / "s").iterdir())


async def test_one_worker_alone_has_no_zygote(home):
    job = await home.submit("sitea")
    async with home.client() as client:
        await ready(client, 1)
        commands = [" ".join(each.cmdline()) for each in processes_of(home, "sitea", job)]
    assert not [each for each in commands if "forkserver" in each]
