"""What carrier C costs: an agent that dialled out by TLS and WebSocket, beside a plain socket.

    python benchmarks/outbound.py [--rounds 7] [--megabytes 256] [--held 200]

The agent is a process of its own that sends as many bytes as it is asked for; the other end is a
front door in this one. Ways, in turns: a TCP socket of this machine tied to a Unix socket (what any
carrier does at least), the agent's WebSocket, and the same through a real tinyproxy that wants a
name. CPU is that of all processes on the way. Then so many agents wait at the door at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
from record import save, spread

sys.path.append(str(Path(__file__).resolve().parent.parent))

from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.protocols import Agent, Endpoint, Forward
from tests.dial_out import Outside, Proxy, echo, make_ticket, outside, proxy
from tests.free_port import free_port

CHUNK = 2**18
ASKED = struct.Struct("!Q")


# The agent's process --------------------------------------------------------------------


async def send(plug: socket.socket) -> None:
    """As many bytes as are asked for, again and again."""
    loop, data = asyncio.get_running_loop(), os.urandom(CHUNK)
    with plug:
        while len(asked := await loop.sock_recv(plug, ASKED.size)) == ASKED.size:
            left = ASKED.unpack(asked)[0]
            while left:
                part = data[: min(left, CHUNK)]
                await loop.sock_sendall(plug, part)
                left -= len(part)


async def agent(told: dict[str, Any]) -> None:
    from jupyter_continuum.worker.outbound import Outbound
    from jupyter_continuum.worker.ticket import DialOut, Ticket

    loop, sending = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def welcome(plug: socket.socket, at: str = "") -> None:
        plug.setblocking(False)
        sending.add(loop.create_task(send(plug)))

    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    print(server.getsockname()[1], flush=True)
    if told:
        ticket = Ticket(**told["ticket"] | {"outbound": DialOut(**told["ticket"]["outbound"])})
        environment = told["environment"]
        dialling = Outbound(ticket, environment=environment, welcome=welcome, report=print)
        sending.add(loop.create_task(dialling.run()))
    while True:
        welcome((await loop.sock_accept(server))[0])


@asynccontextmanager
async def agent_process(told: dict[str, Any]) -> AsyncIterator[tuple[psutil.Process, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--agent",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(told).encode() + b"\n")
    port = int(await process.stdout.readline())
    try:
        yield psutil.Process(process.pid), port
    finally:
        process.kill()
        await process.wait()


# Ways to it -------------------------------------------------------------------------------


@asynccontextmanager
async def by_socket(path: Path) -> AsyncIterator[list[psutil.Process]]:
    async with agent_process({}) as (process, port):
        transport = ShellTransport("here")
        forward = await transport.forward(Endpoint(host="127.0.0.1", port=port), path)
        yield [process]
        await forward.close()


@asynccontextmanager
async def by_dialling(
    out: Outside, path: Path, through: Proxy | None
) -> AsyncIterator[list[psutil.Process]]:
    ticket = make_ticket("far", outbound=out.told)
    fields = {name: getattr(ticket, name) for name in ticket.__dataclass_fields__}
    fields["outbound"] = {"url": out.told.url, "authority": out.told.authority}
    environment = through.environment if through is not None else {}
    out.allow(ticket)
    async with agent_process({"ticket": fields, "environment": environment}) as (process, _):
        announced = Agent(ticket.job, ticket.rank, "n0", ())
        forward: Forward = await out.carrier.open(announced, path)
        between = [psutil.Process(through.process.pid)] if through and through.process else []
        yield [process, *between]
        await forward.close()


async def measure(path: Path, processes: list[psutil.Process], size: int) -> dict[str, float]:
    everybody = [psutil.Process(), *processes]
    reader, writer = await asyncio.open_unix_connection(path, limit=4 * CHUNK)

    async def pull(number: int) -> None:
        writer.write(ASKED.pack(number))
        while number:
            number -= len(await reader.read(4 * CHUNK))

    await pull(CHUNK)
    began, used = time.perf_counter(), cpu(everybody)
    await pull(size)
    seconds, used = time.perf_counter() - began, cpu(everybody) - used
    trips = []
    for _ in range(200):
        began = time.perf_counter()
        await pull(1)
        trips.append(time.perf_counter() - began)
    writer.transport.abort()
    return {
        "mb_per_second": size / 1e6 / seconds,
        "cpu_seconds_per_gb": used / (size / 1e9),
        "round_trip_ms": 1e3 * sorted(trips)[len(trips) // 2],
    }


def cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


async def wait_at_the_door(number: int) -> dict[str, float]:
    """What so many agents cost that only wait: this process holds both ends."""
    here = psutil.Process()
    async with outside() as out:
        before, began = here.memory_info().rss, time.perf_counter()
        agents = [out.agent(echo) for _ in range(number)]
        waiting = [await each.__aenter__() for each in agents]
        for each in waiting:
            await out.door.until_held(each.job, each.rank)
        seconds = time.perf_counter() - began
        grown = here.memory_info().rss - before
        used, pause = cpu([here]), 30
        await asyncio.sleep(pause)
        used = cpu([here]) - used
        for each in agents:
            await each.__aexit__(None, None, None)
    return {
        "agents": number,
        "all_held_seconds": seconds,
        "kib_per_agent_both_ends": grown / number / 1024,
        "cpu_percent_of_a_core_both_ends": 100 * used / pause,
    }


async def main(rounds: int, size: int, number: int) -> None:
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="jcb-") as name:
        folder = Path(name)
        async with outside() as out:
            with proxy(folder, reach=out.port) as through:
                ways = {
                    "socket": lambda path: by_socket(path),
                    "outbound": lambda path: by_dialling(out, path, None),
                    "outbound through a proxy": lambda path: by_dialling(out, path, through),
                }
                for turn in range(rounds):
                    for way, opened in ways.items():
                        path = folder / f"p{turn}" / f"{free_port()}.sock"
                        async with opened(path) as processes:
                            found.setdefault(way, []).append(await measure(path, processes, size))
    results: dict[str, Any] = {
        way: {kind: spread([each[kind] for each in each_round]) for kind in each_round[0]}
        for way, each_round in found.items()
    }
    results["waiting"] = await wait_at_the_door(number)
    print(json.dumps(results, indent=1))
    save("outbound", {"rounds": rounds, "bytes": size, **results})


if __name__ == "__main__":
    if sys.argv[1:] == ["--agent"]:
        asyncio.run(agent(json.loads(sys.stdin.readline())))
    else:
        words = argparse.ArgumentParser(description=__doc__)
        words.add_argument("--rounds", type=int, default=7)
        words.add_argument("--megabytes", type=int, default=256)
        words.add_argument("--held", type=int, default=200)
        options = words.parse_args()
        asyncio.run(main(options.rounds, options.megabytes * 1_000_000, options.held))
