"""The broker's front door: agents that dial out knock here, prove who they are, and are held.

It listens where the person said (``address.py``): at a port, and where TLS ends at a proxy of the
person's own at a Unix socket, for that proxy or a Jupyter server to pass WebSockets on. Whoever
knocks has proved nothing: strangers get ``MEET_SECONDS``, there are at most ``STRANGERS`` of them,
and none of them is in the way of an agent that was let in.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from jupyter_continuum.broker.front_door.address import Address
from jupyter_continuum.broker.front_door.certificate import DoorCertificate
from jupyter_continuum.broker.front_door.web_socket import WebSocket
from jupyter_continuum.broker.messages.address import AddressView
from jupyter_continuum.broker.start import front_door_path
from jupyter_continuum.errors import BrokerError, ContinuumError, RelayError
from jupyter_continuum.relay import handshake
from jupyter_continuum.relay.pipe import Door, listen_unix

MEET_SECONDS = 10
STRANGERS = 128
"""When more have connected and proved nothing, one of whoever sent most of them has to go."""
SILENCE_SECONDS = 60
"""A held WebSocket on which no ping came for so long is dead."""
BACKLOG = 256
_PATH = re.compile(r"[^?#]*/link/(?P<cluster>[0-9a-f]{6})/(?P<agent>[a-z0-9-]{1,40}\.[0-9a-f]{8})")


@dataclass(frozen=True, slots=True, repr=False)
class Caller:
    """An agent that may knock. ``key`` is secret."""

    job: str
    rank: int
    key: bytes


FindCaller = Callable[[str, str], Caller | None]
"""By cluster id and ``site.agent``."""


@dataclass(slots=True)
class _Held:
    web: WebSocket
    watch: asyncio.Task[None]


class FrontDoor:
    """Holds one WebSocket for every agent that dialled out, until a carrier takes it."""

    def __init__(self, find: FindCaller) -> None:
        self.address: Address | None = None
        self.fault = ""
        """Why nobody can knock though there is an address."""
        self._find = find
        self._certificate: DoorCertificate | None = None
        self._doors: list[Door] = []
        self._strangers: dict[asyncio.Task[None], str] = {}
        """Whoever has proved nothing yet, and the address it came from."""
        self._meetings: set[asyncio.Task[None]] = set()
        """The same, and those that are being shown out."""
        self._odd: set[str] = set()
        """Kinds of faults that meetings ended with and that were printed."""
        self._held: dict[tuple[str, int], _Held] = {}
        self._came = asyncio.Condition()

    # Open and shut -------------------------------------------------------------------

    async def open(self, address: Address) -> None:
        """Listen as ``address`` says, and no longer as before. BrokerError, with ``fault`` set."""
        self._shut()
        self.address = address
        certificate = self._certificate = DoorCertificate(address)
        try:
            certificate.context()
            plugs = await _listen(address)
        except BrokerError as error:
            self.fault = str(error)
            raise
        self._doors = [Door(plug, self._knock) for plug in plugs]

    def _shut(self) -> None:
        for door in self._doors:
            door.close()
        self._doors = []
        self.address, self.fault = None, ""
        front_door_path().unlink(missing_ok=True)

    async def close(self) -> None:
        """Listen no more, and let go of everybody."""
        self._shut()
        meetings = list(self._meetings)
        for meeting in meetings:
            meeting.cancel()
        if meetings:
            await asyncio.wait(meetings)
        for key in list(self._held):
            held = self._held.pop(key)
            await _let_be(held)
            held.web.abort()

    def invitation(self) -> dict[str, str] | None:
        """What an agent must know to dial us; None while nobody can. Holds no secret."""
        if self.address is None or self._certificate is None or self.fault:
            return None
        return {"url": self.address.url, "authority": self._certificate.authority()}

    # What carriers ask -----------------------------------------------------------------

    def holds(self, job: str, rank: int) -> bool:
        return (job, rank) in self._held

    @property
    def held(self) -> int:
        """How many agents are held now."""
        return len(self._held)

    async def take(self, job: str, rank: int) -> WebSocket:
        """The agent's WebSocket, which is the taker's from now on; waits until there is one."""
        async with self._came:
            await self._came.wait_for(lambda: (job, rank) in self._held)
            held = self._held.pop((job, rank))
        await _let_be(held)
        try:
            await held.web.send(handshake.door_says("go"))
        except BaseException:
            held.web.abort()
            raise
        return held.web

    async def until_held(self, job: str, rank: int) -> None:
        async with self._came:
            await self._came.wait_for(lambda: (job, rank) in self._held)

    # Who knocks ------------------------------------------------------------------------

    def _knock(self, plug: socket.socket) -> None:
        if len(self._strangers) >= STRANGERS:
            crowd, _ = Counter(self._strangers.values()).most_common(1)[0]
            oldest = next(task for task, source in self._strangers.items() if source == crowd)
            del self._strangers[oldest]
            oldest.cancel()
        meeting = asyncio.get_running_loop().create_task(self._meet(plug))
        self._strangers[meeting] = _source(plug)
        self._meetings.add(meeting)
        meeting.add_done_callback(self._met)

    def _met(self, meeting: asyncio.Task[None]) -> None:
        self._meetings.discard(meeting)
        self._strangers.pop(meeting, None)
        if not meeting.cancelled() and (error := meeting.exception()) is not None:
            kind = type(error).__name__
            if kind not in self._odd:  # once: the log is not for strangers to fill
                self._odd.add(kind)
                traceback.print_exception(error)

    async def _meet(self, plug: socket.socket) -> None:
        web: WebSocket | None = None
        held = False
        try:
            async with asyncio.timeout(MEET_SECONDS):
                context = self._context() if plug.family != socket.AF_UNIX else None
                web = await WebSocket.accept(plug, context)
                caller = await self._prove(web)
                await web.send(handshake.door_says("held"))
            held = True
            await self._hold(caller, web)
        except RelayError:
            if web is not None:
                await web.close()
        except (ContinuumError, OSError, TimeoutError):
            pass  # it proved nothing, and is let go below
        finally:
            if web is None:
                plug.close()
            elif not held:
                web.abort()

    def _context(self) -> ssl.SSLContext | None:
        """For the next newcomer; what is wrong with a certificate by now is the door's fault."""
        if self._certificate is None:
            raise BrokerError("The door was shut.")
        try:
            context = self._certificate.context()
        except BrokerError as error:
            self.fault = str(error)
            raise
        self.fault = ""
        return context

    async def _prove(self, web: WebSocket) -> Caller:
        """Who it is. RelayError when it cannot prove that."""
        nonce, challenge = handshake.door_challenge()
        await web.send(challenge)
        answer = await web.receive()
        asked = _PATH.fullmatch(web.path)
        cluster, agent = (asked["cluster"], asked["agent"]) if asked else ("", "")
        caller = self._find(cluster, agent) if asked else None
        # Asked and answered alike, so that nobody learns which agents there are.
        key = caller.key if caller is not None else b""
        handshake.caller_check(answer, key=key, cluster=cluster, agent=agent, nonce=nonce)
        if caller is None:
            raise RelayError("Somebody knocked who belongs to no job.")
        return caller

    async def _hold(self, caller: Caller, web: WebSocket) -> None:
        """Instead of an earlier one, which its agent has given up."""
        key = (caller.job, caller.rank)
        before = self._held.pop(key, None)
        watch = asyncio.get_running_loop().create_task(self._watch(key, web))
        self._held[key] = _Held(web, watch)
        async with self._came:
            self._came.notify_all()
        if before is not None:
            await _let_be(before)
            before.web.abort()

    async def _watch(self, key: tuple[str, int], web: WebSocket) -> None:
        """Answer pings, and notice when it goes away."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS / 4):
                    await web.receive()  # says nothing before it is let go
                    break
            except TimeoutError:
                if loop.time() - web.last_heard > SILENCE_SECONDS:
                    break
            except OSError:
                break
        if key in self._held and self._held[key].web is web:
            del self._held[key]
        web.abort()


def address_view(door: FrontDoor) -> AddressView | None:
    """For a face; None where no address is configured."""
    address = door.address
    if address is None:
        return None
    listens = address.listens_at
    return AddressView(
        url=address.url,
        listen=f"{listens[0]}:{listens[1]}" if listens else "",
        socket=str(front_door_path()) if address.plain_behind_proxy else "",
        certificate="self-made" if address.self_made else str(address.certificate or ""),
        agents=door.held,
        reason=door.fault,
    )


async def _listen(address: Address) -> list[socket.socket]:
    """Listening sockets. BrokerError says what is in the way."""
    where, plugs = address.listens_at, list[socket.socket]()
    if address.plain_behind_proxy:
        plugs.append(listen_unix(front_door_path()))
    if where is not None:
        host, port = where
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            plugs.append(socket.create_server(found[0][4][:2], family=found[0][0], backlog=BACKLOG))
        except OSError as error:
            for plug in plugs:
                plug.close()
            hint = "" if address.listen else " Say where: `--listen 0.0.0.0:PORT`."
            words = (error.strerror or str(error)).rstrip(".")
            raise BrokerError(
                f"This machine cannot listen at {host}:{port} for {address.url} ({words}).{hint}"
            ) from error
    return plugs


def _source(plug: socket.socket) -> str:
    with contextlib.suppress(OSError):  # it is gone already
        name = plug.getpeername()
        return str(name[0]) if isinstance(name, tuple) else ""
    return ""


async def _let_be(held: _Held) -> None:
    """Read no more of it; whoever takes it does."""
    held.watch.cancel()
    await asyncio.wait([held.watch])
