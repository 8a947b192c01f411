"""A front door and agents that dial it, for tests that need no site: all in this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_continuum.broker.front_door.address import Address
from jupyter_continuum.broker.front_door.carrier import OutboundCarrier
from jupyter_continuum.broker.front_door.door import Caller, FrontDoor
from jupyter_continuum.relay.handshake import link_key
from jupyter_continuum.sites.protocols import Agent
from jupyter_continuum.worker.outbound import Outbound
from jupyter_continuum.worker.ticket import DialOut, Ticket
from tests.free_port import free_port
from tests.rig.absence import found
from tests.rig.fixtures import absent

CLUSTER = "abc123"


def make_ticket(site: str, rank: int = 0, *, token: str = "", outbound: DialOut) -> Ticket:
    return Ticket(
        protocol=1, cluster="main", cluster_id=CLUSTER, site=site,
        job=f"jc-main-{site}-{secrets.token_hex(4)}",
        rank=rank, agent=secrets.token_hex(4), token=token or secrets.token_hex(16), group=site,
        job_number=0, workers=1, threads=1, gpus_per_worker=0, memory_limit_bytes=0,
        lease_seconds=60, walltime_seconds=600, direct="none", outbound=outbound,
    )  # fmt: skip


@dataclass
class Outside:
    """The person's address, open, and what dials it. It is the ``Announcements`` of a site too."""

    door: FrontDoor
    callers: dict[str, Caller] = field(default_factory=dict)
    """By ``site.agent``: who may come in."""
    site: str = "far"
    trouble: dict[tuple[str, int], str] = field(default_factory=dict)
    """What agents said last that keeps them from us."""

    @property
    def carrier(self) -> OutboundCarrier:
        return OutboundCarrier(self.door, self)

    @property
    def port(self) -> int:
        assert self.door.address is not None
        assert self.door.address.listens_at is not None
        return self.door.address.listens_at[1]

    @property
    def told(self) -> DialOut:
        invitation = self.door.invitation()
        assert invitation is not None
        return DialOut(**invitation)

    def allow(self, ticket: Ticket) -> None:
        """Let the agent of ``ticket`` in when it knocks."""
        self.callers[ticket.name] = Caller(ticket.job, ticket.rank, link_key(ticket.token))

    def latest(self, agent: Agent) -> Agent:
        trouble = self.trouble.get((agent.job, agent.rank), "")
        return Agent(agent.job, agent.rank, agent.node, agent.endpoints, trouble)

    def expect(self, job: str, unmet: Callable[[], bool]) -> None:
        """Announcements are always up to date here."""

    @contextlib.asynccontextmanager
    async def agent(
        self,
        welcome: Callable[[socket.socket, str], None],
        *,
        ticket: Ticket | None = None,
        environment: Mapping[str, str] | None = None,
        known: bool = True,
    ) -> AsyncIterator[Agent]:
        """An agent that dials, and hands what comes to ``welcome``."""
        ticket = ticket or make_ticket(self.site, outbound=self.told)
        if known:
            self.allow(ticket)

        def report(trouble: str) -> None:
            self.trouble[ticket.job, ticket.rank] = trouble

        outbound = Outbound(ticket, environment=environment or {}, welcome=welcome, report=report)
        dialling = asyncio.create_task(outbound.run())
        try:
            yield Agent(ticket.job, ticket.rank, "n0", ())
        finally:
            dialling.cancel()
            await asyncio.wait([dialling])
            self.callers.pop(ticket.name, None)


@contextlib.asynccontextmanager
async def outside(address: Address | None = None) -> AsyncIterator[Outside]:
    """A front door with a self-made certificate, on loopback."""
    callers: dict[str, Caller] = {}

    def find(cluster: str, agent: str) -> Caller | None:
        return callers.get(agent) if cluster == CLUSTER else None

    door = FrontDoor(find)
    await door.open(address or Address(url=f"wss://127.0.0.1:{free_port()}"))
    try:
        yield Outside(door, callers)
    finally:
        await door.close()


@dataclass
class Proxy:
    """A real tinyproxy that lets through CONNECT alone, from who names itself."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    user: str = "grant"
    password: str = "pro-xy.secret"

    @property
    def environment(self) -> dict[str, str]:
        return {"https_proxy": f"http://{self.user}:{self.password}@127.0.0.1:{self.port}"}

    @property
    def nameless(self) -> dict[str, str]:
        return {"https_proxy": f"http://127.0.0.1:{self.port}"}

    def start(self, *, reach: int) -> None:
        """Listening when this returns; lets through to port ``reach``."""
        config = self.folder / "tinyproxy.conf"
        config.write_text(
            f"Port {self.port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 100\n"
            f"BasicAuth {self.user} {self.password}\nConnectPort {reach}\nLogLevel Critical\n"
        )
        self.process = subprocess.Popen(
            ["tinyproxy", "-d", "-c", str(config)], stdout=subprocess.DEVNULL
        )
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            assert self.process.poll() is None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def proxy(folder: Path, *, reach: int) -> Iterator[Proxy]:
    if not found("tinyproxy"):
        absent(["tinyproxy is not installed: apt-get install tinyproxy-bin."])
    running = Proxy(folder, free_port())
    running.start(reach=reach)
    try:
        yield running
    finally:
        running.kill()


def echo(plug: socket.socket, at: str) -> None:
    """A gateway that sends back what it gets."""

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        with plug, contextlib.suppress(OSError):
            while data := await loop.sock_recv(plug, 2**18):
                await loop.sock_sendall(plug, data)

    task = asyncio.get_running_loop().create_task(serve())
    _echoes.add(task)
    task.add_done_callback(_echoes.discard)


_echoes: set[asyncio.Task[None]] = set()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
