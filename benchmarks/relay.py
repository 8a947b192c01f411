"""What the relay costs: worker to worker over ``relay://`` and over ``tls://``, in turns.

    python benchmarks/relay.py [--rounds 7] [--megabytes 256]

Two real workers on two "sites" behind hub and two gateways, and two beside them that dial each
other by TCP; mutual TLS in both. Each round moves the same incompressible bytes once each way of
dialling, and reads the CPU time of every process on the way from /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dask
from distributed import Client, wait
from record import save, spread

from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.cluster.security import make_identity, security
from jupyter_continuum.relay.handshake import link_key

BLOB = 16_000_000
PINGS = 200
DIALS = 20
TICKS = os.sysconf("SC_CLK_TCK")

# Roles of the processes that this file starts ------------------------------------------


async def gateway(site: str, agent: str, key: str, folder: str) -> None:
    from jupyter_continuum.relay.gateway import Gateway

    opened = await Gateway.open(
        site=site,
        agent=agent,
        key=bytes.fromhex(key),
        listen=Path(folder) / f"{site}.link",
        local_path=Path(folder) / f"{site}.gate",
    )
    print("{}", flush=True)
    await opened.join({})
    await asyncio.Event().wait()


def configure(relay: dict[str, str], comm: dict[str, str]) -> Any:
    dask.config.set({"continuum.relay": relay, "distributed.comm.require-encryption": True})
    return security(**comm)


async def scheduler(protocol: str, relay: dict[str, str], comm: dict[str, str]) -> None:
    from distributed import Scheduler

    host, port = ("home.scheduler", 1) if protocol == "relay://" else ("127.0.0.1", 0)
    async with Scheduler(
        protocol=protocol,
        host=host,
        port=port,
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        security=configure(relay, comm),
    ) as served:
        print(json.dumps({"address": served.address}), flush=True)
        await served.finished()


async def worker(
    protocol: str, name: str, address: str, relay: dict[str, str], comm: dict[str, str]
) -> None:
    from distributed import Worker

    host = f"{relay['site']}.{relay['agent']}" if protocol == "relay://" else "127.0.0.1"
    async with Worker(
        address,
        protocol=protocol,
        host=host,
        name=name,
        nthreads=1,
        memory_limit=0,
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        security=configure(relay, comm),
    ) as served:
        print("{}", flush=True)
        await served.finished()


# The two clusters -----------------------------------------------------------------------


class Stage:
    """Processes and certificates of one cluster."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self.folder = folder
        self.pids: dict[str, int] = {}
        self._authority = make_authority("benchmark")
        self._stack = stack

    def secrets(self, name: str) -> dict[str, str]:
        """Arguments of ``security``."""
        identity = make_identity(name)
        leaf = self._authority.sign(
            identity.request, name=name, life=timedelta(hours=1), now=datetime.now(UTC)
        )
        authority = self._authority.certificate
        return {
            "key": identity.key,
            "certificate": leaf.decode(),
            "authority": authority.decode(),
        }

    async def start(self, role: str, *words: str, **fields: Any) -> dict[str, Any]:
        """Start a process; what it says when it is ready."""
        command = words or (__file__, "--role", role)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=self.folder,
        )
        self._stack.push_async_callback(_end, process)
        self.pids[f"{role} {fields.get('name') or fields.get('site') or ''}".strip()] = process.pid
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"role": role, **fields}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await process.stdout.readline())
        return answer

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each process has used."""
        found = {}
        for name, pid in self.pids.items():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[name] = (int(fields[11]) + int(fields[12])) / TICKS
        return found


async def _end(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    await process.wait()


@asynccontextmanager
async def over_tls(folder: Path) -> AsyncIterator[tuple[Stage, Client]]:
    async with AsyncExitStack() as stack:
        stage = Stage(stack, folder)
        shared = {"protocol": "tls://", "relay": {}}
        home = await stage.start("scheduler", comm=stage.secrets("scheduler"), **shared)
        for name in ("a", "b"):
            await stage.start(
                "worker", name=name, comm=stage.secrets(name), address=home["address"], **shared
            )
        own = security(**stage.secrets("client"))
        client = await Client(home["address"], security=own, asynchronous=True)
        await stack.enter_async_context(client)
        yield stage, client


@asynccontextmanager
async def over_relay(folder: Path) -> AsyncIterator[tuple[Stage, Client]]:
    async with AsyncExitStack() as stack:
        stage = Stage(stack, folder)
        await stage.start("hub", "-m", "jupyter_continuum.relay.hub", str(folder))
        reader, writer = await asyncio.open_unix_connection(folder / "hub.ctl")
        stack.callback(writer.close)
        at_home = {"exchange": str(folder / "hub.sock"), "site": "home", "direct-dir": str(folder)}
        home = await stage.start(
            "scheduler",
            protocol="relay://",
            relay={**at_home, "agent": "scheduler"},
            comm=stage.secrets("scheduler"),
        )
        for name in ("a", "b"):
            site, agent, key = f"site{name}", "0000", link_key(secrets.token_hex(8)).hex()
            where = {"site": site, "agent": agent, "key": key}
            await stage.start("gateway", folder=str(folder), **where)
            dial = {"do": "dial", "agent": f"{site}.{agent}", "key": key}
            writer.write(json.dumps({**dial, "path": f"{folder}/{site}.link"}).encode() + b"\n")
            await _joined(reader, f"{site}.{agent}")
            grant = {"do": "grant", "agent": f"{site}.{agent}", "grant": {}}
            writer.write(json.dumps(grant).encode() + b"\n")
            beside = folder / site
            beside.mkdir()
            relay = {"exchange": f"{folder}/{site}.gate", "direct-dir": str(beside)}
            await stage.start(
                "worker",
                protocol="relay://",
                name=name,
                relay={**relay, "site": site, "agent": agent},
                comm=stage.secrets(name),
                address=home["address"],
            )
        dask.config.set({"continuum.relay": {**at_home, "agent": "client"}})
        own = security(**stage.secrets("client"))
        client = await Client(home["address"], security=own, asynchronous=True)
        await stack.enter_async_context(client)
        yield stage, client


async def _joined(reader: asyncio.StreamReader, agent: str) -> None:
    while line := await reader.readline():
        news = json.loads(line)
        if news["on"] == "join" and news["agent"] == agent:
            return
    raise RuntimeError(f"{agent} did not join")


# What is measured -----------------------------------------------------------------------


async def move(stage: Stage, client: Client, amount: int) -> dict[str, Any]:
    """Move ``amount`` bytes from worker a to worker b."""
    blobs = [
        client.submit(os.urandom, BLOB, workers=["a"], pure=False) for _ in range(amount // BLOB)
    ]
    await wait(blobs)
    before, began = stage.cpu(), time.perf_counter()
    sizes = [client.submit(len, blob, workers=["b"]) for blob in blobs]
    total = sum(await client.gather(sizes))
    seconds = time.perf_counter() - began
    await asyncio.sleep(0.2)  # acknowledgements that are still to come belong to this round
    after = stage.cpu()
    used = {name: (after[name] - before[name]) / total * 1e9 for name in after}
    return {"cpu_s_per_gb": used, "mb_per_s": total / seconds / 1e6}


async def ping(address: str, times: int, dask_worker: Any) -> float:
    """Milliseconds of a small request over a connection that is there, median."""
    peer = dask_worker.rpc(address)
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await peer.ping()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2] * 1e3


async def dial(address: str, times: int, dask_worker: Any) -> float:
    """Milliseconds until a new connection is ready for use, median."""
    from distributed.comm import connect

    taken = []
    for _ in range(times):
        began = time.perf_counter()
        comm = await connect(address, **dask_worker.connection_args)
        taken.append(time.perf_counter() - began)
        await comm.close()
    return sorted(taken)[times // 2] * 1e3


async def round_of(stage: Stage, client: Client, amount: int) -> dict[str, Any]:
    info = await client.scheduler.identity(n_workers=-1)
    address = {each["name"]: address for address, each in info["workers"].items()}
    moved = await move(stage, client, amount)
    (pinged,) = (await client.run(ping, address["b"], PINGS, workers=[address["a"]])).values()
    (dialled,) = (await client.run(dial, address["b"], DIALS, workers=[address["a"]])).values()
    return {**moved, "ping_ms": pinged, "dial_ms": dialled}


async def measure(rounds: int, amount: int) -> dict[str, Any]:
    taken: dict[str, list[dict[str, Any]]] = {"tls": [], "relay": []}
    with tempfile.TemporaryDirectory(prefix="jc-") as one, tempfile.TemporaryDirectory() as other:
        async with over_tls(Path(other)) as tls, over_relay(Path(one)) as relay:
            ways = {"tls": tls, "relay": relay}
            for number in range(rounds + 1):
                for name, (stage, client) in ways.items():
                    result = await round_of(stage, client, amount)
                    if number:  # the first of each warms up
                        taken[name].append(result)
    return summary(taken)


def summary(taken: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    def cpu(result: dict[str, Any]) -> float:
        return sum(result["cpu_s_per_gb"].values())

    pairs = list(zip(taken["relay"], taken["tls"], strict=True))
    figures: dict[str, Any] = {
        "cpu_ratio": spread([cpu(relay) / cpu(tls) for relay, tls in pairs]),
        "throughput_ratio": spread([r["mb_per_s"] / t["mb_per_s"] for r, t in pairs]),
        "ping_ratio": spread([r["ping_ms"] / t["ping_ms"] for r, t in pairs]),
        "rounds": len(pairs),
    }
    for name, results in taken.items():
        figures[name] = {
            "cpu_s_per_gb": spread([cpu(each) for each in results]),
            **{
                key: spread([each[key] for each in results])
                for key in ("mb_per_s", "ping_ms", "dial_ms")
            },
            "cpu_s_per_gb_by_process": {
                process: spread([each["cpu_s_per_gb"][process] for each in results])["median"]
                for process in results[0]["cpu_s_per_gb"]
            },
        }
    return figures


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("--megabytes", type=int, default=256)
    words.add_argument("--role", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.role:
        fields = json.loads(sys.stdin.readline())
        asyncio.run(globals()[fields.pop("role")](**fields))
        return
    results = asyncio.run(measure(asked.rounds, asked.megabytes * 1_000_000))
    print(json.dumps(results, indent=1))
    print(f"kept in {save('relay', results)}", file=sys.stderr)


if __name__ == "__main__":
    main()
