"""A hub and gateways in this process, over real Unix sockets, and raw streams through them."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jupyter_continuum.errors import RelayError
from jupyter_continuum.relay.gateway import Gateway
from jupyter_continuum.relay.handshake import link_key
from jupyter_continuum.relay.hub import Hub

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Carrier:
    """What a link's bytes ride on: a splice between two Unix sockets that can be cut."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._splice, self.path)

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _splice(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        self._writers |= {writer, there_writer}
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
        self._writers -= {writer, there_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(50_000):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # cut
    writer.close()


class Net:
    """Hub, gateways and carriers of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub = Hub()
        self.gateways: dict[str, Gateway] = {}
        self.carriers: dict[str, Carrier] = {}
        self._house: asyncio.Task | None = None
        self._servers: list[asyncio.Server] = []
        self._writers: list[asyncio.StreamWriter] = []

    def start(self) -> None:
        self.hub.serve(self.folder / "hub.sock")
        self._house = asyncio.create_task(self.hub.keep_house())

    async def add(self, site: str, *, join: bool = True) -> Gateway:
        gateway = self.gateways[site] = await Gateway.open(
            site=site,
            agent="0",
            key=link_key(site),
            listen=self.folder / f"{site}.link",
            local_path=self.folder / f"{site}.sock",
        )
        carrier = Carrier(self.folder / f"{site}.fwd", self.folder / f"{site}.link")
        self.carriers[site] = carrier
        await carrier.open()
        self.dial(site)
        if join:
            asking = asyncio.create_task(gateway.join({"site": site}))
            await until(lambda: f"{site}.0" in self.hub._joins)
            self.hub._do({"do": "grant", "agent": f"{site}.0", "grant": {"to": site}})
            assert await asking == {"to": site}
        else:
            await until(lambda: self.hub.ends[f"{site}.0"].attached)
        return gateway

    def dial(self, site: str) -> None:
        key = link_key(site).hex()
        path = str(self.folder / f"{site}.fwd")
        self.hub._do({"do": "dial", "agent": f"{site}.0", "path": path, "key": key})

    async def cut(self, site: str) -> None:
        """Cut a link's carrier, and dial again as a broker would."""
        self.carriers[site].cut()
        await until(lambda: not self.hub.ends[f"{site}.0"].attached)
        self.dial(site)
        await until(lambda: self.hub.ends[f"{site}.0"].attached)

    async def ask(self, site: str, request: dict[str, str]) -> Streams:
        """A request of a process beside the exchange of ``site`` ("hub" at home)."""
        streams = await asyncio.open_unix_connection(self.folder / f"{site}.sock")
        streams[1].write(json.dumps(request).encode() + b"\n")
        answer = json.loads(await streams[0].readline() or b'{"error": "closed"}')
        if "error" in answer:
            streams[1].close()
            raise RelayError(answer["error"])
        self._writers.append(streams[1])
        return streams

    async def dial_from(self, site: str, address: str) -> Streams:
        return await self.ask(site, {"dial": address})

    async def listen(
        self, site: str, address: str, handler: Callable[..., object]
    ) -> asyncio.StreamWriter:
        """Listen as ``address``; close what it gives to cease."""
        path = self.folder / f"{address.replace(':', '-')}.listen"
        self._servers.append(await asyncio.start_unix_server(handler, path, backlog=2048))
        _, writer = await self.ask(site, {"listen": address, "path": str(path)})
        if site != "hub":
            await until(lambda: address in self.hub.remote_listeners.get(f"{site}.0", ()))
        return writer

    def streams(self) -> int:
        """Open streams, dials and local connections, all exchanges together."""
        exchanges = [self.hub, *self.gateways.values()]
        ends = [*self.hub.ends.values(), *(each._end for each in self.gateways.values())]
        return sum(len(each.local_ports) for each in exchanges) + sum(
            end.link.streams + len(end.ports) + len(end.dials) + len(end.asked) for end in ends
        )

    async def close(self) -> None:
        for each in (*self._servers, *self._writers):
            each.close()
        for end in list(self.hub.ends.values()):
            end.drop()
        for each in (*self.gateways.values(), self.hub, *self.carriers.values()):
            await each.close()
        if self._house is not None:
            self._house.cancel()
            await asyncio.wait([self._house])


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a state that tells nobody when it comes."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def started_net(*sites: str) -> AsyncIterator[Net]:
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        net = Net(Path(folder))
        try:
            net.start()
            for site in sites:
                await net.add(site)
            yield net
        finally:
            await net.close()


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    """Sites a and b, joined. Afterwards no file descriptor is left."""
    before = open_files()
    async with started_net("a", "b") as net:
        yield net
    gc.collect()
    await until(lambda: open_files() <= before)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(100_000):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # the other end was cut
    writer.close()
