"""What verified joining costs the scheduler: a join among 200 workers, and each placement.

    python benchmarks/joining.py [--rounds N]

Joins: four sites of fifty listeners, which dial and answer as workers do, through hub and gateways;
CPU of the scheduler's process for the dials of one join. Placement: CPU for choosing a worker for
a task with a dependency and making the message to it, among 200 workers, in turns with the stock
scheduler; then with gaps.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import dask
from record import save, spread
from relay import Stage, _joined, configure

from jupyter_continuum.cluster.reachability import Gaps
from jupyter_continuum.relay.handshake import link_key

SITES = ("east", "north", "south", "west")
PER_SITE = 50
PLACEMENTS = 5000
IDLE_SECONDS = 4


# Workers, as far as joining sees them -----------------------------------------------------


async def crowd(relay: dict[str, str], comm: dict[str, str]) -> None:
    """Fifty listeners of one site that answer and dial as workers do."""
    from distributed.core import Server

    from jupyter_continuum.cluster.dialling import silent

    secure = configure(relay, comm)
    arguments = secure.get_connection_args("worker")

    async def reach(addresses: list[str], seconds: float) -> list[str]:
        return await silent(addresses, seconds, arguments)

    addresses = []
    for _ in range(PER_SITE):
        server = Server({"reach": reach})
        name = f"relay://{relay['site']}.{relay['agent']}"
        await server.listen(name, **secure.get_listen_args("worker"))
        addresses.append(server.address)
    print(json.dumps(addresses), flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def four_sites(folder: Path) -> AsyncIterator[tuple[Any, list[str]]]:
    """A scheduler in this process, and the addresses of those who will join."""
    from jupyter_continuum.cluster.scheduler import ContinuumScheduler

    async with AsyncExitStack() as stack:
        stage = Stage(stack, folder)
        await stage.start("hub", "-m", "jupyter_continuum.relay.hub", str(folder))
        reader, writer = await asyncio.open_unix_connection(folder / "hub.ctl")
        stack.callback(writer.close)
        relay = {"exchange": str(folder / "hub.sock"), "site": "home", "direct-dir": str(folder)}
        scheduler = ContinuumScheduler(
            protocol="relay://",
            host="home.scheduler",
            port=1,
            dashboard=False,
            dashboard_socket=folder / "dashboard.sock",
            security=configure({**relay, "agent": "scheduler"}, stage.secrets("scheduler")),
        )
        await stack.enter_async_context(scheduler)
        addresses: list[str] = []
        for site in SITES:
            where = {"site": site, "agent": "0000", "key": link_key(secrets.token_hex(8)).hex()}
            await stage.start("gateway", folder=str(folder), **where)
            dial = {"do": "dial", "agent": f"{site}.0000", "key": where["key"]}
            writer.write(json.dumps({**dial, "path": f"{folder}/{site}.link"}).encode() + b"\n")
            await _joined(reader, f"{site}.0000")
            grant = {"do": "grant", "agent": f"{site}.0000", "grant": {}}
            writer.write(json.dumps(grant).encode() + b"\n")
            (folder / site).mkdir()
            own = {"exchange": f"{folder}/{site}.gate", "direct-dir": f"{folder}/{site}"}
            command = (str(Path(__file__).resolve()), "--role", "crowd")
            comm = stage.secrets(site)
            addresses += await stage.start("crowd", *command, relay={**own, **where}, comm=comm)
        yield scheduler, addresses


# What is measured -----------------------------------------------------------------------


async def measure_joins() -> dict[str, Any]:
    """Every listener joins, one after the other; the last quarter counts.

    What the scheduler uses at rest is taken off.
    """
    used, taken = [], []
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        async with four_sites(Path(folder)) as (scheduler, addresses):
            random.shuffle(addresses)
            before, began = time.process_time(), time.perf_counter()
            await asyncio.sleep(IDLE_SECONDS)
            idle = (time.process_time() - before) / (time.perf_counter() - began)
            for number, address in enumerate(addresses):
                scheduler.workers[address] = worker_state(scheduler, address, number)
                before, began = time.process_time(), time.perf_counter()
                scheduler.verification.add_worker(scheduler, address)
                await asyncio.wait([scheduler.verification._checks[address]])
                seconds = time.perf_counter() - began
                used.append((time.process_time() - before - idle * seconds) * 1e3)
                taken.append(seconds * 1e3)
            late = sum(bool(found) for found in scheduler.verification.found.values())
            scheduler.workers.clear()
    last = len(addresses) // 4
    return {
        "workers": len(addresses),
        "sites": len(SITES),
        "not_reached_in_time": late,
        "idle_cpu_ms_per_s": idle * 1e3,
        "join_cpu_ms": spread(used[-last:]),
        "join_wall_ms": spread(taken[-last:]),
        "join_cpu_ms_among_50": spread(used[last // 2 : 3 * last // 2]),
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


def worker_state(scheduler: Any, address: str, number: int) -> Any:
    from distributed.core import Status
    from distributed.scheduler import WorkerState

    return WorkerState(
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


def furnish(scheduler: Any) -> list[Any]:
    """200 workers that hold a result each, and a task for each of them."""
    tasks = []
    for number in range(len(SITES) * PER_SITE):
        address = f"relay://{SITES[number % len(SITES)]}.{number:04d}:1"
        worker = scheduler.workers[address] = worker_state(scheduler, address, number)
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
    placement = await measure_placement(rounds)
    return {"rounds": rounds, **placement, **await measure_joins()}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=15)
    words.add_argument("--role", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.role:
        fields = json.loads(sys.stdin.readline())
        asyncio.run(globals()[fields.pop("role")](**fields))
        return
    # It would look at the memory of workers, and these are not there.
    dask.config.set({"distributed.scheduler.active-memory-manager.start": False})
    logging.getLogger("distributed").setLevel(logging.WARNING)
    results = asyncio.run(measure(asked.rounds))
    print(json.dumps(results, indent=1))
    print(f"kept in {save('joining', results)}", file=sys.stderr)


if __name__ == "__main__":
    main()
