"""What each carrier costs: worker to worker by relay over it, beside ``tls://``, in turns.

    python benchmarks/carriers.py [--rounds 5] [--megabytes 96]

Needs the real Slurm rig of ``tests/rig`` (as root): its sshd is the login node, on loopback. Worker
``home`` is behind a gateway on this machine, and one more worker behind a gateway for each
carrier; the hub dials the latter through the carrier, which runs in this process as in a broker.
``openssh`` is the same path with the forward of ``/usr/bin/ssh -L`` in the place of ours. Each
round moves the same incompressible bytes from ``home`` to each of them, and pings it.

CPU is that of every process on the path: both workers, both gateways, the hub, this process
(carrier and Dask client), and what SSH needs: sshd's sessions, the relay program, ``ssh``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dask
from distributed import Client, wait
from record import save, spread
from relay import BLOB, PINGS, TICKS, Stage, over_tls, ping, scheduler, worker

from jupyter_continuum.relay.handshake import link_key
from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.protocols import Agent, Carrier, CarrierName, Endpoint
from jupyter_continuum.sites.ssh.transport import SshTransport
from jupyter_continuum.worker.ticket import DialOut, Ticket

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tests.dial_out import Outside, make_ticket, outside
from tests.rig.fixtures import ssh_login
from tests.rig.rig import running
from tests.rig.site import SlurmSite

ROLES = {"scheduler": scheduler, "worker": worker}
OPENSSH = "openssh"
PATHS = ("socket", "ssh-forward", OPENSSH, "ssh-exec", "outbound")

Way = Callable[[Endpoint, Path], Awaitable[None]]
"""Opens a way to the gateway's endpoint, as a Unix socket at the path."""


async def gateway(
    site: str, key: str, folder: str, ticket: dict[str, Any] | None = None, name: str = ""
) -> None:
    """A process: listens on loopback, and dials out where it got a ticket."""
    from jupyter_continuum.relay.gateway import Gateway
    from jupyter_continuum.worker.outbound import Outbound

    opened = await Gateway.open(
        site=site, agent="0000", key=bytes.fromhex(key), listen=("127.0.0.1", 0),
        local_path=Path(folder) / f"{site}.gate",
    )  # fmt: skip
    if ticket is not None:
        told = Ticket(**{**ticket, "outbound": DialOut(**ticket["outbound"])})
        dials = Outbound(told, environment={}, welcome=opened.welcome, report=print)
        task = asyncio.create_task(dials.run())
    print(json.dumps({"port": opened.endpoints[0]["port"]}), flush=True)
    await opened.join({})
    await (task if ticket is not None else asyncio.Event().wait())


class Cluster:
    """One scheduler, one hub, and a worker at home and at the end of each way."""

    def __init__(self, stack: AsyncExitStack, folder: Path, site: SlurmSite) -> None:
        self.stage = Stage(stack, folder)
        self.client: Client
        self._stack = stack
        self._folder = folder
        self._site = site
        self._ssh: list[int] = []

    async def start(self, out: Outside) -> None:
        stage, folder = self.stage, self._folder
        await stage.start("hub", "-m", "jupyter_continuum.relay.hub", str(folder))
        self._hub = await asyncio.open_unix_connection(folder / "hub.ctl")
        self._stack.callback(self._hub[1].close)
        at_home = {"exchange": f"{folder}/hub.sock", "site": "home", "direct-dir": str(folder)}
        home = await stage.start(
            "scheduler", __file__, "--role", "scheduler", protocol="relay://",
            relay={**at_home, "agent": "scheduler"}, comm=stage.secrets("scheduler"),
        )  # fmt: skip
        self._address = home["address"]
        await self._add("home", self._dialled(ShellTransport("here").carriers[0]))
        for name in PATHS:
            ticket = make_ticket("far", outbound=out.told) if name == "outbound" else None
            way = self._dialled(out.carrier, ticket) if ticket else await self._way(name)
            await self._add(name, way, ticket, out)
        dask.config.set({"continuum.relay": {**at_home, "agent": "client"}})
        own = self.stage_security()
        self.client = await Client(self._address, security=own, asynchronous=True)
        await self._stack.enter_async_context(self.client)

    def stage_security(self) -> Any:
        from jupyter_continuum.cluster.security import security

        return security(**self.stage.secrets("client"))

    async def _way(self, name: str) -> Way:
        if name == "socket":
            return self._dialled(ShellTransport("here").carriers[0])
        if name == OPENSSH:
            return self._by_openssh
        door = "closed" if name == "ssh-exec" else "key"
        transport = SshTransport(ssh_login(self._site, door), "site", _Nobody(), print)
        await transport.connect()
        self._stack.push_async_callback(transport.close)
        found = [each for each in transport.carriers if each.name is CarrierName(name)]
        return self._dialled(found[0])

    def _dialled(self, carrier: Carrier, ticket: Ticket | None = None) -> Way:
        async def open_way(endpoint: Endpoint, path: Path) -> None:
            job = ticket.job if ticket else "jc-x"
            forward = await carrier.open(Agent(job, 0, "n0", (endpoint,)), path)
            self._stack.push_async_callback(forward.close)

        return open_way

    async def _by_openssh(self, endpoint: Endpoint, path: Path) -> None:
        login = ssh_login(self._site)
        known = self._folder / "known_hosts"
        known.write_text(f"[{login.host}]:{login.port} {login.host_key}\n")
        process = await asyncio.create_subprocess_exec(
            "ssh", "-N", "-p", str(login.port), "-i", str(login.key), "-o", "IdentitiesOnly=yes",
            "-o", f"UserKnownHostsFile={known}", "-o", "Ciphers=aes128-gcm@openssh.com",
            "-L", f"{path}:127.0.0.1:{endpoint.port}", f"{login.user}@{login.host}",
        )  # fmt: skip
        self._ssh.append(process.pid)
        self._stack.push_async_callback(_end, process)
        async with asyncio.timeout(20):
            while not path.is_socket():
                await asyncio.sleep(0.05)

    async def _add(
        self, name: str, way: Way, ticket: Ticket | None = None, out: Outside | None = None
    ) -> None:
        stage, folder = self.stage, self._folder
        site, key = f"at-{name}", link_key(secrets.token_hex(8)).hex()
        told = asdict(ticket) if ticket else None
        if ticket and out:
            from jupyter_continuum.broker.front_door.door import Caller

            out.callers[ticket.name] = Caller(ticket.job, 0, link_key(ticket.token))
        where = {"site": site, "key": key, "folder": str(folder), "ticket": told, "name": name}
        opened = await stage.start("gateway", __file__, "--role", "gateway", **where)
        path = folder / f"{name}.way"
        await way(Endpoint(host="127.0.0.1", port=opened["port"]), path)
        agent = f"{site}.0000"
        self._order(do="dial", agent=agent, path=str(path), key=key)
        while (news := json.loads(await self._hub[0].readline()))["on"] != "join":
            assert news["on"] != "down", f"{name}: the hub could not dial"
        self._order(do="grant", agent=agent, grant={})
        (folder / site).mkdir()
        relay = {"exchange": f"{folder}/{site}.gate", "direct-dir": str(folder / site)}
        await stage.start(
            "worker", __file__, "--role", "worker", protocol="relay://", name=name,
            relay={**relay, "site": site, "agent": "0000"}, comm=stage.secrets(name),
            address=self._address,
        )  # fmt: skip

    def _order(self, **what: Any) -> None:
        self._hub[1].write(json.dumps(what).encode() + b"\n")

    def cpu(self, name: str) -> dict[str, float]:
        """Seconds used by every process on the way from ``home`` to ``name``."""
        ours = {"hub", "gateway home", "worker home", f"gateway {name}", f"worker {name}"}
        used = {each: _seconds(pid) for each, pid in self.stage.pids.items() if each in ours}
        used["broker and client"] = _seconds(os.getpid())
        used["ssh, sshd and relay program"] = sum(map(_seconds, self._ssh_processes()))
        return used

    def _ssh_processes(self) -> list[int]:
        """All of them: those of other ways are idle meanwhile."""
        session = f"sshd: {self._site.spec.user}".encode()
        found = [*self._ssh, *self._site.relays()]
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if path.read_bytes().startswith(session):
                    found.append(int(path.parent.name))
        return found


class _Nobody:
    async def ask(self, question: Any) -> None:
        raise AssertionError(f"nobody is to be asked: {question}")


async def _end(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    await process.wait()


def _seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


async def move(
    client: Client, cpu: Callable[[], dict[str, float]], source: str, target: str, amount: int
) -> dict[str, Any]:
    """Move ``amount`` bytes from one worker to another."""
    blobs = [
        client.submit(os.urandom, BLOB, workers=[source], pure=False) for _ in range(amount // BLOB)
    ]
    await wait(blobs)
    before, began = cpu(), time.perf_counter()
    total = sum(await client.gather([client.submit(len, b, workers=[target]) for b in blobs]))
    seconds = time.perf_counter() - began
    await asyncio.sleep(0.2)  # acknowledgements that are still to come belong to this round
    after = cpu()
    used = {name: (after[name] - before[name]) / total * 1e9 for name in after}
    return {"cpu_s_per_gb": used, "mb_per_s": total / seconds / 1e6}


async def pinged(client: Client, source: str, target: str) -> float:
    info = await client.scheduler.identity(n_workers=-1)
    address = {each["name"]: address for address, each in info["workers"].items()}
    (taken,) = (await client.run(ping, address[target], PINGS, workers=[address[source]])).values()
    return float(taken)


@asynccontextmanager
async def everything(site: SlurmSite) -> AsyncIterator[tuple[tuple[Stage, Client], Cluster]]:
    async with AsyncExitStack() as stack:
        tls_folder, folder = (Path(tempfile.mkdtemp(prefix="jc-")) for _ in range(2))
        for each in (tls_folder, folder):
            stack.callback(shutil.rmtree, each, ignore_errors=True)
        tls = await stack.enter_async_context(over_tls(tls_folder))
        out = await stack.enter_async_context(outside())
        cluster = Cluster(stack, folder, site)
        await cluster.start(out)
        yield tls, cluster


async def measure(site: SlurmSite, rounds: int, amount: int) -> dict[str, Any]:
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in ("tls", *PATHS)}
    async with everything(site) as ((stage, stock), cluster):
        for number in range(rounds + 1):
            for name, results in taken.items():
                if name == "tls":
                    result = await move(stock, stage.cpu, "a", "b", amount)
                    result["ping_ms"] = await pinged(stock, "a", "b")
                else:
                    client = cluster.client
                    result = await move(
                        client, lambda name=name: cluster.cpu(name), "home", name, amount
                    )
                    result["ping_ms"] = await pinged(client, "home", name)
                if number:  # the first of each warms up
                    results.append(result)
    return summary(taken)


def summary(taken: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    def cpu(result: dict[str, Any]) -> float:
        return sum(result["cpu_s_per_gb"].values())

    figures: dict[str, Any] = {"rounds": len(taken["tls"])}
    for name, results in taken.items():
        beside = list(zip(results, taken["tls"], strict=True))
        figures[name] = {
            "cpu_s_per_gb": spread([cpu(each) for each in results]),
            "cpu_ratio_to_tls": spread([cpu(one) / cpu(tls) for one, tls in beside]),
            **{key: spread([each[key] for each in results]) for key in ("mb_per_s", "ping_ms")},
            "cpu_s_per_gb_by_process": {
                process: spread([each["cpu_s_per_gb"][process] for each in results])["median"]
                for process in results[0]["cpu_s_per_gb"]
            },
        }
    pairs = list(zip(taken["ssh-forward"], taken[OPENSSH], strict=True))
    figures["forward_beside_openssh"] = {
        "cpu_ratio": spread([cpu(ours) / cpu(theirs) for ours, theirs in pairs]),
        "throughput_ratio": spread([o["mb_per_s"] / t["mb_per_s"] for o, t in pairs]),
    }
    return figures


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--megabytes", type=int, default=96)
    words.add_argument("--role", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.role:
        fields = json.loads(sys.stdin.readline())
        roles = {**ROLES, "gateway": gateway}
        asyncio.run(roles[fields.pop("role")](**fields))
        return
    with running() as rig:
        results = asyncio.run(
            measure(rig.sites["sitea"], asked.rounds, asked.megabytes * 1_000_000)
        )
    print(json.dumps(results, indent=1))
    print(f"kept in {save('carriers', results)}", file=sys.stderr)


if __name__ == "__main__":
    main()
