"""Fourteen things people do with a cluster, on workers that nobody can dial: ours and stock Dask.

    python benchmarks/operations.py

Ours: a cluster over two emulated sites, through command line, broker, hub and gateways. Stock:
two workers that registered from behind a contact address that leads nowhere, as behind NAT; the
first eight operations, each with a few seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import dask
import dask.array as da
import numpy as np
from distributed import Client, wait
from record import save

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.cli.playground import playground
from jupyter_continuum.server.relayed import fetch
from jupyter_continuum.table import as_text
from jupyter_continuum.workbench import Cluster

SITES = ("fjord", "glacier")
OURS_SECONDS, STOCK_SECONDS = 60, 8
NOWHERE = "tcp://127.0.0.2:878"
"""Of this machine, and nobody listens there: what the address of a walled-in worker amounts to."""
TIMEOUTS = {
    "distributed.comm.timeouts.connect": "2s",
    "distributed.comm.retry.count": 0,
    "distributed.scheduler.allowed-failures": 0,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A client, and one worker on each of two sides."""

    client: Client
    one: str
    other: str
    pages: Path | None = None
    """Socket of the scheduler's pages; None where they are not asked for."""


async def compute(at: Place) -> bool:
    future = at.client.submit(lambda x: x + 1, 41, workers=[at.other], pure=False)
    await wait(future)
    return bool(future.status == "finished")


async def gather(at: Place) -> bool:
    futures = [
        at.client.submit(np.full, 1000, i, workers=[w]) for i, w in enumerate((at.one, at.other))
    ]
    return [each[0] for each in await at.client.gather(futures)] == [0, 1]


async def cross_dependency(at: Place) -> bool:
    there = at.client.submit(np.arange, 300_000, workers=[at.one])
    here = at.client.submit(np.sum, there, workers=[at.other])
    return bool(await here == 300_000 * 299_999 // 2)


async def run(at: Place) -> bool:
    answers = await at.client.run(lambda: 7)
    return len(answers) >= 2 and set(answers.values()) == {7}


async def logs(at: Place) -> bool:
    found = await at.client.get_worker_logs()
    return len(found) >= 2 and all(
        any("Start" in str(line) for line in log) for log in found.values()
    )


async def scatter_with_broadcast(at: Place) -> bool:
    future = await at.client.scatter(np.zeros(100_000), broadcast=True)
    return len((await at.client.who_has([future]))[future.key]) >= 2


async def replicate(at: Place) -> bool:
    future = at.client.submit(np.ones, 100_000, workers=[at.one])
    await wait(future)
    await at.client.replicate([future], n=2)
    return len((await at.client.who_has([future]))[future.key]) == 2


async def rebalance(at: Place) -> bool:
    futures = [
        at.client.submit(np.ones, 500_000 + i, workers=[at.one], allow_other_workers=True)
        for i in range(8)
    ]
    await wait(futures)
    await at.client.rebalance(futures)
    # So little data may stay where it is; what counts is that all of it can still be had.
    return [len(each) for each in await at.client.gather(futures)] == [
        500_000 + i for i in range(8)
    ]


async def actors(at: Place) -> bool:
    class Counter:
        n = 0

        def add(self, amount: int) -> int:
            self.n += amount
            return self.n

    counter = await at.client.submit(Counter, actor=True, workers=[at.other])
    return (await counter.add(2), await counter.add(3)) == (2, 5)


async def upload_file(at: Place) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "sent_along.py"
        module.write_text("answer = 42\n")
        await at.client.upload_file(str(module))

    def use() -> int:
        import sent_along

        return int(sent_along.answer)

    return set((await at.client.run(use)).values()) == {42}


async def p2p_shuffle(at: Place) -> bool:
    with dask.config.set({"array.rechunk.method": "p2p"}):
        x = da.random.default_rng(1).random((1000, 1000), chunks=(100, 1000))
        found = await at.client.compute(x.rechunk((1000, 100)).sum())
    return bool(np.isclose(found, await at.client.compute(x.sum())))


async def worker_pages(at: Place) -> bool:
    assert at.pages is not None
    return (await fetch(at.pages, f"worker/{at.other}/health", {})).code == 200


async def restart(at: Place) -> bool:
    before = await at.client.run(os.getpid)
    await at.client.restart(timeout=40)
    await at.client.wait_for_workers(2)
    after = await at.client.run(os.getpid)
    return not set(before.values()) & set(after.values())


async def retire(at: Place) -> bool:
    precious = at.client.submit(np.arange, 1000, workers=[at.other], allow_other_workers=True)
    await wait(precious)
    info = await at.client.scheduler.identity(n_workers=-1)
    (address,) = (key for key, each in info["workers"].items() if each["name"] == at.other)
    await at.client.retire_workers([address], close_workers=True)
    return bool((await precious)[-1] == 999)


EIGHT: tuple[Callable[[Place], Awaitable[bool]], ...] = (
    compute,
    gather,
    cross_dependency,
    run,
    logs,
    scatter_with_broadcast,
    replicate,
    rebalance,
)
FOURTEEN = (*EIGHT, actors, upload_file, p2p_shuffle, worker_pages, restart, retire)


@asynccontextmanager
async def ours() -> AsyncIterator[Place]:
    for site in SITES:
        emulated = {"queue_seconds": 0, "delay_ms": 10, "rate_mbit": 500}
        asked = {"site": site, "kind": "emulated", "python": sys.executable, "emulated": emulated}
        await asyncio.to_thread(call_broker, "connect", profile=asked)
    offers = [f"{site}/cpu" for site in SITES]
    on = [word for offer in offers for word in ("--on", offer)]
    command = [sys.executable, "-m", "jupyter_continuum.cli", "launch", *on, "--json"]
    done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    view = json.loads(done.stdout)
    client = Cluster(view["name"]).get_client(asynchronous=True)
    async with client:
        await client.wait_for_workers(2, timeout=60)
        info = await client.scheduler.identity(n_workers=-1)
        one, other = sorted(each["name"] for each in info["workers"].values())
        pages = await asyncio.to_thread(call_broker, "dashboard", name=view["name"])
        yield Place(client, one, other, Path(pages["socket"]))


@asynccontextmanager
async def stock() -> AsyncIterator[Place]:
    from distributed import Scheduler

    options = {"protocol": "tcp://", "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    async with Scheduler(port=0, **options) as scheduler:
        workers = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "distributed.cli.dask_worker", scheduler.address),
                *("--no-nanny", "--no-dashboard", "--nthreads", "1", "--memory-limit", "0"),
                *("--name", name, "--contact-address", f"{NOWHERE}{number}"),
                *("--listen-address", "tcp://127.0.0.1:0"),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            for number, name in enumerate(("one", "other"))
        ]
        try:
            async with Client(scheduler.address, asynchronous=True) as client:
                await client.wait_for_workers(2, timeout=30)
                yield Place(client, "one", "other")
        finally:
            for worker in workers:
                worker.kill()
                await worker.wait()


async def tried(
    at: Place, operations: tuple[Callable[[Place], Awaitable[bool]], ...], seconds: float
) -> dict[str, dict[str, object]]:
    """Whether each operation worked, how long it took, and what it said when it did not."""
    found: dict[str, dict[str, object]] = {}
    for operation in operations:
        began, said = time.perf_counter(), ""
        try:
            async with asyncio.timeout(seconds):
                works = await operation(at)
        except Exception as error:  # whatever Dask raises is the finding
            works, said = False, f"{type(error).__name__}: {error}".partition("\n")[0][:120]
        taken = round(time.perf_counter() - began, 2)
        found[operation.__name__] = {"works": works, "seconds": taken, "said": said}
    return found


async def measure() -> dict[str, dict[str, dict[str, object]]]:
    with dask.config.set(TIMEOUTS):
        # Ended from outside: a client that closes waits for comms that lead nowhere.
        async with stock() as at:
            behind_nat = await tried(at, EIGHT, STOCK_SECONDS)
    async with ours() as at:
        return {"stock": behind_nat, "ours": await tried(at, FOURTEEN, OURS_SECONDS)}


def main() -> None:
    with playground():
        try:
            results = asyncio.run(measure())
        finally:
            end_everything()
    rows = []
    for operation in FOURTEEN:
        name = operation.__name__
        mine, theirs = results["ours"][name], results["stock"].get(name)
        words = "" if theirs is None else "works" if theirs["works"] else f"fails {theirs['said']}"
        rows.append(
            [name, "works" if mine["works"] else f"fails {mine['said']}", mine["seconds"], words]
        )
    print(as_text(("OPERATION", "OURS", "SECONDS", "STOCK BEHIND NAT"), rows))
    counts = {
        side: sum(bool(each["works"]) for each in found.values()) for side, found in results.items()
    }
    print(f"ours {counts['ours']} of {len(FOURTEEN)}, stock {counts['stock']} of {len(EIGHT)}")
    print(f"kept in {save('operations', {'works': counts, **results})}", file=sys.stderr)


if __name__ == "__main__":
    main()
