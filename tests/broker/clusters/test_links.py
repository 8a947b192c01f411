"""Links of a real hub and a real gateway, over carriers that can be denied and cut."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jupyter_continuum.broker.clusters import links as module
from jupyter_continuum.broker.clusters.hub_control import HubControl
from jupyter_continuum.broker.clusters.job import AgentEntry
from jupyter_continuum.broker.clusters.links import Links
from jupyter_continuum.broker.sites.ways import Ways
from jupyter_continuum.errors import CarrierDenied, SiteError, SiteUnreachable
from jupyter_continuum.relay.gateway import Gateway
from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.profile import Profile
from jupyter_continuum.sites.protocols import Agent, CarrierName, Endpoint, Forward

FORWARD, EXEC = CarrierName.FORWARD, CarrierName.EXEC
DENIED = CarrierDenied("north: the login node denies forwarding.")
SILENT = SiteUnreachable("north: nobody answers.")


@dataclass
class GatedCarrier:
    """Real sockets, and a site that may say no."""

    name: CarrierName
    error: SiteError | None = None
    opened: int = 0
    forwards: list[Forward] = field(default_factory=list)

    async def open(self, agent: Agent, path: Path) -> Forward:
        self.opened += 1
        if self.error is not None:
            raise self.error
        self.forwards.append(await ShellTransport("north").forward(agent.endpoints[0], path))
        return self.forwards[-1]

    async def cut(self, error: SiteError | None = None) -> None:
        self.error = error
        for forward in self.forwards:
            await forward.close()


class Site:
    """As much of a session as links ask."""

    site = "north"
    ready = True

    def __init__(self) -> None:
        self.profile = Profile(site="north", kind="slurm")
        self.prefer: tuple[CarrierName, ...] = ()
        self.forward, self.exec = GatedCarrier(FORWARD), GatedCarrier(EXEC)
        self.ways = Ways(self, lambda: None)

    @property
    def carriers(self) -> tuple[GatedCarrier, ...]:
        return self.forward, self.exec

    async def until_reachable(self, agent: Agent) -> None: ...
    async def connect(self) -> None: ...


class Far:
    """One agent behind the links, and a stream through all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = Site()
        self.entry = AgentEntry(0, "0a0b0c0d", "ab" * 32)

    async def __aenter__(self) -> Far:
        self.hub = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "jupyter_continuum.relay.hub", str(self.folder),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self.hub.stdout is not None
        await self.hub.stdout.readline()
        self.control = HubControl(self.folder / "hub.ctl", self._heard, lambda: False)
        self.control.start()
        await self.control.connected(10)
        self.links = Links(self.folder, self.control, lambda: None)
        where = self.folder / "g.link"
        self.gateway = await Gateway.open(
            site="north", agent=self.entry.id, key=self.entry.key, listen=where,
            local_path=self.folder / "g.sock",
        )  # fmt: skip
        self.announced = Agent("jc-j", 0, "n1", (Endpoint(path=str(where)),))
        return self

    def _heard(self, news) -> None:
        if news["on"] == "join":
            self.control.order("grant", agent=news["agent"], grant={})
        elif news["on"] in ("up", "down"):
            self.links.news(news["agent"], news["on"] == "up")

    def begin(self) -> None:
        self.links.ensure(self.site, self.entry, self.announced)

    async def rides_on(self, name: CarrierName) -> None:
        await until(lambda: self.site.ways.carrier is name and self.entry.up)

    async def echo(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """From beside the hub to a listener beside the gateway, which sends back what it gets."""

        async def serve(reader, writer):
            while data := await reader.read(2**16):
                writer.write(data)
                await writer.drain()
            writer.close()

        await self.gateway.join({})
        path = self.folder / "l.sock"
        self.server = await asyncio.start_unix_server(serve, path)
        address = f"north.{self.entry.id}:7"
        self.kept = [await ask(self.folder / "g.sock", f'"listen": "{address}", "path": "{path}"')]
        async with asyncio.timeout(10):
            while True:
                try:
                    self.kept.append(await ask(self.folder / "hub.sock", f'"dial": "{address}"'))
                except ConnectionError:
                    await asyncio.sleep(0.05)  # the hub has not heard yet that it listens
                else:
                    return self.kept[-1]

    async def __aexit__(self, *error) -> None:
        for _, writer in getattr(self, "kept", ()):
            writer.close()
        await self.links.close()
        await self.control.close()
        await self.gateway.close()
        self.hub.terminate()
        await self.hub.wait()
        if hasattr(self, "server"):
            self.server.close()


async def ask(path: Path, request: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"{" + request.encode() + b"}\n")
    if b"ok" not in (answer := await reader.readline()):
        writer.close()
        raise ConnectionError(answer)
    return reader, writer


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture
async def far():
    with tempfile.TemporaryDirectory(prefix="jct-") as folder:
        async with Far(Path(folder)) as far:
            yield far


async def test_the_best_carrier_is_taken_and_nothing_is_to_be_said(far: Far) -> None:
    far.begin()
    await far.rides_on(FORWARD)
    assert far.site.ways.reason == ""
    assert far.entry.carrier == "ssh-forward"
    assert far.site.exec.opened == 0


async def test_what_is_denied_makes_room_at_once_and_is_not_asked_again(far: Far) -> None:
    far.site.forward.error = DENIED
    far.begin()
    await far.rides_on(EXEC)
    assert far.site.forward.opened == 1
    assert far.site.ways.reason == "Not ssh-forward: the login node denies forwarding."
    assert [carrier.name for carrier in far.site.ways.to_try()] == [EXEC, FORWARD]


async def test_a_carrier_that_stops_working_is_replaced_and_the_stream_goes_on(far: Far) -> None:
    far.begin()
    await far.rides_on(FORWARD)
    reader, writer = await far.echo()
    data = os.urandom(30_000_000)

    async def send() -> None:
        writer.write(data)
        await writer.drain()

    sending = asyncio.create_task(send())
    received = await reader.readexactly(2_000_000)
    await far.site.forward.cut(SILENT)
    async with asyncio.timeout(30):
        received += await reader.readexactly(len(data) - len(received))
    await sending
    assert received == data
    assert far.site.ways.carrier is EXEC
    assert far.site.ways.reason == "Not ssh-forward: nobody answers."


async def test_who_breaks_a_link_may_have_changed_the_rules(far: Far) -> None:
    far.site.forward.error = DENIED
    far.begin()
    await far.rides_on(EXEC)
    far.site.forward.error = None
    await far.site.exec.cut()
    await far.rides_on(FORWARD)


async def test_a_link_moves_to_what_is_preferred_and_its_stream_does_not_notice(
    far: Far, monkeypatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.1)
    far.begin()
    await far.rides_on(FORWARD)
    reader, writer = await far.echo()
    writer.write(b"before ")
    far.site.prefer = (EXEC,)
    await far.rides_on(EXEC)
    writer.write(b"after")
    async with asyncio.timeout(10):
        assert await reader.readexactly(12) == b"before after"
    assert not far.site.forward.forwards[0].path.exists()


async def test_when_all_fail_the_sentence_names_what_was_tried(far: Far) -> None:
    far.site.forward.error, far.site.exec.error = DENIED, SILENT
    far.begin()
    await until(lambda: "no way" in far.entry.trouble)
    for tried in ("ssh-forward: the login node denies forwarding", "ssh-exec: nobody answers"):
        assert tried in far.entry.trouble
    far.site.exec.error = None
    await far.rides_on(EXEC)
    assert far.entry.trouble == ""


async def test_the_persons_choice_is_the_only_one_tried(far: Far) -> None:
    far.site.profile = Profile(site="north", kind="slurm", carrier=EXEC)
    far.begin()
    await far.rides_on(EXEC)
    assert far.site.forward.opened == 0


async def test_a_choice_that_the_site_does_not_have_is_a_sentence(far: Far) -> None:
    far.site.profile = Profile(site="north", kind="slurm", carrier=CarrierName.KUBERNETES)
    far.begin()
    await until(lambda: far.entry.trouble != "")
    assert "asks for the carrier kubernetes" in far.entry.trouble
    assert "it has ssh-forward, ssh-exec" in far.entry.trouble
