"""The agent dials out: keeps a WebSocket open to the person's address, for the hub to use.

One of them waits there at any time. When the hub wants a pipe, the one that waits becomes it,
and the next is dialled at once.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from jupyter_continuum.errors import RelayError
from jupyter_continuum.relay import handshake
from jupyter_continuum.worker.ticket import Ticket
from jupyter_continuum.worker.way_out import WayOut, sentence, way_out

CHUNK = 256 * 1024
OPEN_SECONDS = 20
PING_SECONDS, PONG_SECONDS = 15, 30
"""Often enough for proxies that cut quiet connections after a minute."""
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0)
BRIEF_SECONDS = 5
"""Whoever is let go sooner than this waits before it dials again."""
PIPES = 64
"""Of one agent at once; the hub has one, and a second while it replaces the first."""

Welcome = Callable[[socket.socket, str], None]
"""Takes a connected socket, and this node's address towards the outside."""


class Outbound:
    """Dials until it is cancelled."""

    def __init__(
        self,
        ticket: Ticket,
        *,
        environment: Mapping[str, str],
        welcome: Welcome,
        report: Callable[[str], None],
    ) -> None:
        """``report`` hears what keeps it from getting out, and "" once it is out."""
        assert ticket.outbound is not None
        self._url = f"{ticket.outbound.url.rstrip('/')}/link/{ticket.cluster_id}/{ticket.name}"
        self._authority = ticket.outbound.authority
        self._cluster = ticket.cluster_id
        self._agent = ticket.name
        self._key = handshake.link_key(ticket.token)
        self._environment = environment
        self._welcome = welcome
        self._report = report
        self._reported: str | None = None
        self._pipes: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Never returns."""
        failures = 0
        try:
            while True:
                began = time.monotonic()
                outcome = await self._call()
                brief = outcome != "wanted" and time.monotonic() - began < BRIEF_SECONDS
                failures = failures + 1 if outcome == "failed" or brief else 0
                if failures:
                    pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1]
                    await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        finally:
            for pipe in self._pipes:
                pipe.cancel()
            if self._pipes:
                await asyncio.wait(self._pipes)

    async def _call(self) -> Literal["wanted", "let go", "failed"]:
        """Dial, be let in, and wait there until the hub wants a pipe."""
        way = WayOut(self._url)
        try:
            way = way_out(self._url, self._environment)
            async with asyncio.timeout(OPEN_SECONDS):
                web = await self._knock(way)
        except (RelayError, OSError, ValueError, WebSocketException) as error:
            # ValueError: a redirect to what is no address.
            self._say(sentence(error, way))
            return "failed"
        self._say("")
        try:
            wanted = handshake.is_door_word(await web.recv(decode=False), "go")
        except (ConnectionClosed, RelayError):
            wanted = False
        except BaseException:
            web.transport.abort()
            raise
        if not wanted or len(self._pipes) >= PIPES:
            web.transport.abort()
            return "let go"
        pipe = asyncio.get_running_loop().create_task(self._carry(web))
        self._pipes.add(pipe)
        pipe.add_done_callback(self._pipes.discard)
        return "wanted"

    async def _knock(self, way: WayOut) -> ClientConnection:
        """A WebSocket at which we have proved who we are."""
        tls = None
        if way.url.startswith("wss:"):
            tls = ssl.create_default_context(cadata=self._authority or None)
        web = await connect(
            way.url,
            ssl=tls,
            proxy=way.proxy or None,
            compression=None,  # what passes is ciphertext
            user_agent_header=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=1,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
            max_size=4 * CHUNK,
            write_limit=4 * CHUNK,
        )
        try:
            challenge = await web.recv(decode=False)
            answer = handshake.caller_answer(
                challenge, key=self._key, cluster=self._cluster, agent=self._agent
            )
            await web.send(answer)
            if not handshake.is_door_word(await web.recv(decode=False), "held"):
                raise RelayError("the front door did not let this agent in.")
        except BaseException:
            web.transport.abort()
            raise
        return web

    async def _carry(self, web: ClientConnection) -> None:
        """Be the hub's pipe to the gateway, until one of both ends it."""
        try:
            ours, theirs = socket.socketpair()
        except OSError:  # out of files: the hub sees the pipe end, and asks again
            web.transport.abort()
            return
        ours.setblocking(False)
        theirs.setblocking(False)
        self._welcome(theirs, _address_inside(web))
        ways = [
            asyncio.ensure_future(_inward(web, ours)),
            asyncio.ensure_future(_outward(web, ours)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            web.transport.abort()
            for way in ways:
                way.cancel()
                way.add_done_callback(_forgive)
            try:
                await asyncio.wait(ways)
            finally:
                ours.close()

    def _say(self, trouble: str) -> None:
        if trouble != self._reported:
            self._reported = trouble
            self._report(trouble)


def _forgive(way: asyncio.Task[None]) -> None:
    """Either end may go at any time: the link is resumed by the next pipe."""
    if not way.cancelled():
        way.exception()


def _address_inside(web: ClientConnection) -> str:
    """At which others of the site may find this node; "" where that is not known."""
    address = str(web.local_address[0])
    return "" if ":" in address or address.startswith("127.") else address


async def _inward(web: ClientConnection, plug: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(plug, await web.recv(decode=False))


async def _outward(web: ClientConnection, plug: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(plug, CHUNK):
        await web.send(data)
