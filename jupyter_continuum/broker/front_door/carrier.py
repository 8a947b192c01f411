"""Carrier C: what an agent that dialled out to us is reached by."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from jupyter_continuum.broker.front_door.address import NONE_CONFIGURED
from jupyter_continuum.broker.front_door.door import FrontDoor
from jupyter_continuum.broker.front_door.web_socket import CHUNK, WebSocket
from jupyter_continuum.errors import CarrierDenied, SiteUnreachable
from jupyter_continuum.relay.pipe import Door, listen_unix
from jupyter_continuum.sites.protocols import Agent, CarrierName
from jupyter_continuum.sites.sockets import make_room

PATIENCE_SECONDS = 20
"""How long an agent that has announced itself may take to dial us."""
TAKE_SECONDS = 10
"""The same for one that has dialled before, and is to dial again."""
LOOK_SECONDS = 0.2


class OutboundForward:
    """A Unix socket here, each connection to which is tied to a WebSocket of the agent's."""

    def __init__(self, door: FrontDoor, agent: Agent, path: Path) -> None:
        self.path = path
        self._door = door
        self._agent = agent
        self._pairs: set[asyncio.Task[None]] = set()
        make_room(path)
        self._plug = Door(listen_unix(path), self._knock)

    async def close(self) -> None:
        self._plug.close()
        for pair in tuple(self._pairs):
            pair.cancel()
        if self._pairs:
            await asyncio.wait(self._pairs)
        self.path.unlink(missing_ok=True)

    def _knock(self, plug: socket.socket) -> None:
        pair = asyncio.get_running_loop().create_task(self._tie(plug))
        self._pairs.add(pair)
        pair.add_done_callback(self._pairs.discard)

    async def _tie(self, plug: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=plug, limit=CHUNK)
        try:
            async with asyncio.timeout(TAKE_SECONDS):
                web = await self._door.take(self._agent.job, self._agent.rank)
            await splice(web, reader, writer)
        except (OSError, TimeoutError):
            return  # the hub sees its end closed, and says that the link is down
        finally:
            writer.transport.abort()


class Announcements(Protocol):
    """What the agents of a site say of themselves: its session."""

    @property
    def site(self) -> str: ...
    def latest(self, agent: Agent) -> Agent:
        """As it last announced itself, with what keeps it from dialling."""

    def expect(self, job: str, unmet: Callable[[], bool]) -> None:
        """Look often for announcements as long as ``unmet()``."""


class OutboundCarrier:
    """The way to agents of one site that dial the person's own address."""

    name = CarrierName.OUTBOUND

    def __init__(self, door: FrontDoor, announcements: Announcements) -> None:
        self._door = door
        self._announcements = announcements

    async def open(self, agent: Agent, path: Path) -> OutboundForward:
        """See Carrier. CarrierDenied where the person has no address that sites can dial."""
        if self._door.address is None:
            raise CarrierDenied(f"{self._announcements.site}: {NONE_CONFIGURED}")
        if self._door.fault:
            raise SiteUnreachable(f"{self._announcements.site}: {self._door.fault}")
        await self._await_call(agent, self._door.address.url)
        return OutboundForward(self._door, agent, path)

    async def _await_call(self, agent: Agent, url: str) -> None:
        coming = asyncio.ensure_future(self._door.until_held(agent.job, agent.rank))
        self._announcements.expect(f"{agent.job} {agent.rank}", lambda: not coming.done())
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        try:
            while not coming.done():
                trouble = self._announcements.latest(agent).trouble
                if trouble:
                    raise SiteUnreachable(
                        f"{self._announcements.site}: {agent.node} cannot dial out: {trouble}"
                    )
                if asyncio.get_running_loop().time() > deadline:
                    raise SiteUnreachable(
                        f"{self._announcements.site}: {agent.node} has not dialled {url} within "
                        f"{PATIENCE_SECONDS} s. A job that was submitted before that address was "
                        "configured does not know it."
                    )
                await asyncio.wait([coming], timeout=LOOK_SECONDS)
        finally:
            coming.cancel()


async def splice(
    web: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry bytes both ways until one side has ended; that ends the other."""
    ways = [
        asyncio.ensure_future(_inward(web, writer)),
        asyncio.ensure_future(_outward(web, reader)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        try:
            await asyncio.wait(ways)
            await web.close()
        finally:
            web.abort()
    for way in ways:
        if not way.cancelled():
            way.result()  # what broke it, if it did


async def _inward(web: WebSocket, writer: asyncio.StreamWriter) -> None:
    while data := await web.receive():
        writer.write(data)
        await writer.drain()


async def _outward(web: WebSocket, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(CHUNK):
        await web.send(data)
