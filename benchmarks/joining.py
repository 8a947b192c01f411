"""What verified joining costs the scheduler: a join among 200 workers, and each placement.

    python benchmarks/joining.py [--rounds N]

Joins: four sites of fifty workers through hub and gateways; CPU of the scheduler's process for
twenty workers that join, in turns with verification off. Placement: a worker is chosen for a task
with a dependency, and the message to it made, among 200 workers, in turns with the stock
scheduler; then with gaps.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Client
from record import save, spread
from relay import Stage, _joined, configure

from jupyter_continuum.cluster.reachability import Gaps
from jupyter_continuum.cluster.security import security
from jupyter_continuum.relay.handshake import link_key

SITES = ("east", "north", "south", "west")
PER_SITE = 50
JOINS = 20
PLACEMENTS = 5000
OWN = (__file__, "--role")


# Processes ------------------------------------------------------------------------------


async def home(relay: dict[str, str], comm: dict[str, str]) -> None:
    from jupyter_continuum.cluster.scheduler import ContinuumScheduler

    async with ContinuumScheduler(
        protocol="relay://",
        host="home.scheduler",
        port=1,
        dashboard=False,
        dashboard_socket=Path(relay["direct-dir"]) / "dashboard.sock",
        security=configure(relay, comm),
    ) as served:
        print(json.dumps({"address": served.address}), flush=True)
        await served.finished()


async def crowd(address: str, relay: dict[str, str], comm: dict[str, str]) -> None:
    """Fifty workers in one process, then one more or one less for each line."""
    from jupyter_continuum.worker.node import ContinuumWorker

    secure = configure(relay, comm)
    site, started = relay["site"], []

    async def one_more() -> None:
        number = len(started)
        started.append(
            await ContinuumWorker(
                address,
                protocol="relay://",
                host=f"{site}.{relay['agent']}",
                name=f"{site}-{number}",
                nthreads=1,
                memory_limit=0,
                dashboard=False,
                pages=f"{relay['direct-dir']}/{number}.pages",
                node=site,
                security=secure,
            )
        )

    for _ in range(PER_SITE):
        await one_more()
    print("{}", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line == "join\n":
            await one_more()
        else:
            await started.pop().close(nanny=False)
        print("{}", flush=True)


@asynccontextmanager
async def four_sites(folder: Path) -> AsyncIterator[tuple[Stage, Client, list[Any]]]:
    async with AsyncExitStack() as stack:
        stage = Stage(stack, folder)
        await stage.start("hub", "-m", "jupyter_continuum.relay.hub", str(folder))
        reader, writer = await asyncio.open_unix_connection(folder / "hub.ctl")
        stack.callback(writer.close)
        at_home = {"exchange": str(folder / "hub.sock"), "site": "home", "direct-dir": str(folder)}
        relay = {**at_home, "agent": "scheduler"}
        scheduler = await stage.start("home", *OWN, "home", relay=relay, comm=stage.secrets("home"))
        crowds = []
        for site in SITES:
            where = {"site": site, "agent": "0000", "key": link_key(secrets.token_hex(8)).hex()}
            await stage.start("gateway", folder=str(folder), **where)
            dial = {"do": "dial", "agent": f"{site}.0000", "key": where["key"]}
            writer.write(json.dumps({**dial, "path": f"{folder}/{site}.link"}).encode() + b"\n")
            await _joined(reader, f"{site}.0000")
            grant = {"do": "grant", "agent": f"{site}.0000", "grant": {}}
            writer.write(json.dumps(grant).encode() + b"\n")
            (beside := folder / site).mkdir()
            relay = {"exchange": f"{folder}/{site}.gate", "direct-dir": str(beside)}
            crowds.append(await Crowd.start(stage, scheduler["address"], {**relay, **where}, stack))
        dask.config.set({"continuum.relay": {**at_home, "agent": "client"}})
        own = security(**stage.secrets("client"))
        client = await Client(scheduler["address"], security=own, asynchronous=True)
        await stack.enter_async_context(client)
        yield stage, client, crowds


class Crowd:
    """The workers of one site."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls, stage: Stage, address: str, relay: dict[str, str], stack: AsyncExitStack
    ) -> Crowd:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(*OWN, "crowd"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=stage.folder,
        )
        crowd = cls(process)
        stack.push_async_callback(crowd.end)
        fields = {"role": "crowd", "address": address, "relay": relay}
        await crowd.say(json.dumps({**fields, "comm": stage.secrets(relay["site"])}))
        return crowd

    async def say(self, line: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdout.readline()

    async def end(self) -> None:
        self._process.kill()
        await self._process.wait()


# What is measured -----------------------------------------------------------------------


def switch(verified: bool, dask_scheduler: Any) -> None:
    plugin = dask_scheduler.verification
    if verified:
        dask_scheduler.add_plugin(plugin)
    else:
        dask_scheduler.remove_plugin(name=plugin.name)


def unsettled(dask_scheduler: Any) -> int:
    return len(dask_scheduler.verification._checks)


def used(dask_scheduler: Any) -> float:
    return time.process_time()


async def joins(client: Client, crowds: list[Crowd], *, verified: bool) -> float:
    """Milliseconds of the scheduler's CPU for one join."""
    await client.run_on_scheduler(switch, verified)
    before = await client.run_on_scheduler(used)
    for number in range(JOINS):
        await crowds[number % len(crowds)].say("join")
    while await client.run_on_scheduler(unsettled):
        await asyncio.sleep(0.05)
    after = await client.run_on_scheduler(used)
    for number in range(JOINS):
        await crowds[number % len(crowds)].say("leave")
    return (after - before) / JOINS * 1e3


async def measure_joins(rounds: int) -> dict[str, Any]:
    taken: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        async with four_sites(Path(folder)) as (_, client, crowds):
            await client.wait_for_workers(len(SITES) * PER_SITE)
            await client.run_on_scheduler(switch, False)
            for number in range(rounds + 1):
                for verified in (True, False):
                    milliseconds = await joins(client, crowds, verified=verified)
                    if verified:
                        await client.run_on_scheduler(switch, False)
                    if number:  # the first of each warms up
                        taken[verified].append(milliseconds)
    pairs = zip(taken[True], taken[False], strict=True)
    return {
        "workers": len(SITES) * PER_SITE,
        "sites": len(SITES),
        "join_cpu_ms": spread(taken[True]),
        "join_cpu_ms_unverified": spread(taken[False]),
        "verification_cpu_ms": spread([one - other for one, other in pairs]),
    }


async def measure_placement(rounds: int) -> dict[str, Any]:
    from distributed import Scheduler

    from jupyter_continuum.cluster.scheduler import ContinuumScheduler

    options = {"protocol": "inproc://", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    async with Scheduler(**options) as stock, ContinuumScheduler(**options) as ours:
        tasks = {each: furnish(each) for each in (stock, ours)}
        taken: dict[str, list[float]] = {"stock": [], "ours": [], "one_gap": [], "100_gaps": []}
        for _ in range(rounds):
            taken["stock"].append(place(stock, tasks[stock]))
            for name, gaps in (("ours", 0), ("one_gap", 1), ("100_gaps", 100)):
                south = [each for each in ours.workers if "south" in each or "west" in each]
                ours.gaps = Gaps(dict.fromkeys(south[:gaps], frozenset({"north"})))
                taken[name].append(place(ours, tasks[ours]))
            ours.gaps = Gaps()
        for scheduler in (stock, ours):
            scheduler.running.clear()
            scheduler.workers.clear()
            scheduler.tasks.clear()
    pairs = list(zip(taken["ours"], taken["stock"], strict=True))
    return {
        "placement_us": {name: spread(values) for name, values in taken.items()},
        "placement_more_us": spread([ours - stock for ours, stock in pairs]),
        "placement_ratio": spread([ours / stock for ours, stock in pairs]),
    }


def furnish(scheduler: Any) -> list[Any]:
    """200 workers that hold a result each, and a task for each of them."""
    from distributed.core import Status
    from distributed.scheduler import WorkerState

    tasks = []
    for number in range(len(SITES) * PER_SITE):
        address = f"relay://{SITES[number % len(SITES)]}.{number:04d}:1"
        worker = WorkerState(
            address=address,
            status=Status.running,
            pid=0,
            name=str(number),
            server_id=str(number),
            scheduler=scheduler,
            nthreads=1,
            memory_limit=0,
            local_directory="",
            nanny="",
        )
        scheduler.workers[address] = worker
        scheduler.running.add(worker)
        result = scheduler.new_task(f"result-{number}", None, "memory")
        result.who_has = {worker}
        result.nbytes = 8
        task = scheduler.new_task(f"task-{number}", None, "waiting")
        task.add_dependency(result)
        task.priority = (0, number)
        tasks.append(task)
    return tasks


def place(scheduler: Any, tasks: list[Any]) -> float:
    """Microseconds of CPU for one task."""
    began = time.process_time()
    for number in range(PLACEMENTS):
        task = tasks[number % len(tasks)]
        task.processing_on = scheduler.decide_worker_non_rootish(task)
        scheduler._task_to_msg(task)
        task.processing_on = None
    return (time.process_time() - began) / PLACEMENTS * 1e6


async def measure(rounds: int) -> dict[str, Any]:
    placement = await measure_placement(rounds * 3)
    return {"rounds": rounds, **placement, **await measure_joins(rounds)}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("--role", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.role:
        fields = json.loads(sys.stdin.readline())
        asyncio.run(globals()[fields.pop("role")](**fields))
        return
    results = asyncio.run(measure(asked.rounds))
    print(json.dumps(results, indent=1))
    print(f"kept in {save('joining', results)}", file=sys.stderr)


if __name__ == "__main__":
    main()
