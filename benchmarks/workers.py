"""How long a worker takes from the request to its registration, the first of a node and later ones.

    python benchmarks/workers.py [--rounds 7] [--workers 4]

Ours and distributed's own nanny in turns, each in a fresh process that plays the node: its first
worker counts from the start of that process, so every import is in it, later ones from the
request, one after the other. Then the last one is killed, which counts until it is registered
again. The scheduler is a stock one on loopback for both, without TLS: what the relay and
certificates cost is not in this figure. After the first worker and after the last: CPU time and
memory (PSS, which shares out shared pages) of all processes of the node.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from record import save, spread

SIDES = ("ours", "stock")
LONGEST_SECONDS = 60
SETTLE_SECONDS = 1.0
"""For what a worker does after its registration, before the node is weighed."""


# The node -------------------------------------------------------------------------------


async def node(side: str, scheduler: str, folder: Path) -> None:
    """Start a worker for every line of standard input, as the agent of a job would."""
    make = ours(scheduler, folder) if side == "ours" else stock(scheduler, folder)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    nannies = []
    while line := await reader.readline():
        nanny = make(line.decode().strip())
        nannies.append(nanny)
        await nanny
        print(nanny.pid, flush=True)
    await asyncio.gather(*(nanny.close(timeout=2) for nanny in nannies))


def ours(scheduler: str, folder: Path) -> Any:
    from jupyter_continuum.worker.forking import Zygote

    zygote = Zygote(folder)
    zygote.start()
    from jupyter_continuum.cluster.log import quiet_libraries
    from jupyter_continuum.worker.node import ContinuumNanny, ContinuumWorker

    quiet_libraries()

    def make(name: str) -> Any:
        return ContinuumNanny(
            scheduler,
            name=name,
            nthreads=1,
            memory_limit="1 GiB",
            local_directory=str(folder),
            worker_class=ContinuumWorker,
            dashboard=False,
            zygote=zygote,
            pages=str(folder / f"{name}.pages"),
            node="here",
        )

    return make


def stock(scheduler: str, folder: Path) -> Any:
    from distributed import Nanny

    def make(name: str) -> Any:
        return Nanny(
            scheduler,
            name=name,
            nthreads=1,
            memory_limit="1 GiB",
            local_directory=str(folder),
            dashboard=False,
        )

    return make


# What is measured -----------------------------------------------------------------------


class Registrations:
    """Waits for a worker's name to come up at the scheduler."""

    def __init__(self, scheduler: Any) -> None:
        from distributed.diagnostics.plugin import SchedulerPlugin

        came: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        self._came = came

        class Tell(SchedulerPlugin):
            def add_worker(self, scheduler: Any, worker: str) -> None:
                came.put_nowait((scheduler.workers[worker].name, time.perf_counter()))

        scheduler.add_plugin(Tell())

    async def of(self, name: str, since: float) -> float:
        """Seconds from ``since`` on."""
        async with asyncio.timeout(LONGEST_SECONDS):
            while (found := await self._came.get())[0] != name:
                pass
        return float(found[1] - since)


async def one_round(side: str, workers: int, scheduler: Any, came: Registrations) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            # Not as a script: a child would run that again, on either side.
            *(sys.executable, "-c", "from workers import main; main()"),
            *("--node", side, "--scheduler", scheduler.address, "--folder", folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parent,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        later: list[float] = []
        found: dict[str, Any] = {"later_s": later}
        for number in range(workers):
            asked = time.perf_counter() if number else began
            process.stdin.write(f"{number}\n".encode())
            seconds = await came.of(str(number), asked)
            pid = await process.stdout.readline()
            if number:
                later.append(seconds)
            else:
                found["first_s"] = seconds
                found["one_worker"] = await weigh(process.pid)
        found["all_workers"] = await weigh(process.pid)
        killed = time.perf_counter()
        psutil.Process(int(pid)).kill()
        found["again_s"] = await came.of(str(workers - 1), killed)
        process.stdin.close()
        async with asyncio.timeout(LONGEST_SECONDS):
            await process.wait()
    return found


async def weigh(pid: int) -> dict[str, float]:
    await asyncio.sleep(SETTLE_SECONDS)
    parent = psutil.Process(pid)
    tree = [parent, *parent.children(recursive=True)]
    used = [each.cpu_times() for each in tree]
    return {
        "processes": len(tree),
        "pss_mb": sum(each.memory_full_info().pss for each in tree) / 1e6,
        "rss_mb": sum(each.memory_info().rss for each in tree) / 1e6,
        "cpu_s": sum(each.user + each.system for each in used),
    }


async def measure(rounds: int, workers: int) -> dict[str, Any]:
    from distributed import Scheduler

    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        came = Registrations(scheduler)
        for number in range(rounds):
            for side in SIDES[:: 1 if number % 2 else -1]:
                found[side].append(await one_round(side, workers, scheduler, came))
                print(number, side, json.dumps(found[side][-1]), file=sys.stderr)
    return {
        "rounds": rounds,
        "workers": workers,
        **{side: summary(each) for side, each in found.items()},
        "ours_over_stock": {
            name: spread([a / b for a, b in zip(*both, strict=True)])
            for name, both in paired(found).items()
        },
    }


def figures(found: dict[str, Any]) -> dict[str, float]:
    """One round, in single numbers."""
    weights = {
        f"{when}_{name}": found[when][name]
        for when in ("one_worker", "all_workers")
        for name in ("pss_mb", "rss_mb", "cpu_s")
    }
    times = {name: found[name] for name in ("first_s", "again_s")}
    return {**times, "later_s": statistics.median(found["later_s"]), **weights}


def paired(found: dict[str, list[dict[str, Any]]]) -> dict[str, tuple[list[float], list[float]]]:
    ours, stock = ([figures(each) for each in found[side]] for side in SIDES)
    return {name: ([a[name] for a in ours], [b[name] for b in stock]) for name in ours[0]}


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    single = [figures(each) for each in found]
    every_later = [seconds for each in found for seconds in each["later_s"]]
    return {
        **{name: spread([each[name] for each in single]) for name in single[0]},
        "later_s": spread(every_later),
        "processes": found[-1]["all_workers"]["processes"],
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("--workers", type=int, default=4)
    words.add_argument("--node", choices=SIDES, help=argparse.SUPPRESS)
    words.add_argument("--scheduler", help=argparse.SUPPRESS)
    words.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.node:
        asyncio.run(node(asked.node, asked.scheduler, asked.folder))
        return
    results = asyncio.run(measure(asked.rounds, asked.workers))
    print(json.dumps(results, indent=1))
    print(f"kept in {save('workers', results)}", file=sys.stderr)


if __name__ == "__main__":
    main()
