"""One end of a link over pipes that may be lost and replaced, and the dials that wait on it."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any, Protocol

from jupyter_continuum.relay.frames import Event, FrameError
from jupyter_continuum.relay.link import Link
from jupyter_continuum.relay.pipe import Pipe
from jupyter_continuum.relay.splice import LocalPort, StreamPort, tie

UNACKNOWLEDGED_BYTES = 64 * 1024 * 1024
"""A link that keeps so much for its other end takes no more: 300 ms of 1.6 Gbit/s."""


class EndUser(Protocol):
    """Whom the end of a link reports to: the exchange."""

    def on_event(self, end: LinkEnd, event: Event) -> None: ...
    def on_broken(self, end: LinkEnd, reason: str) -> None:
        """The link is of no more use: begin a new one."""

    def on_link_lost(self, end: LinkEnd, reason: str) -> None:
        """The pipe broke; the link waits for another."""


class Dial(Protocol):
    """Somebody who waits for the other exchange to accept a stream."""

    def accepted(self, stream: StreamPort) -> None: ...
    def refused(self, reason: str) -> None: ...


class LinkEnd:
    """What an exchange holds of one link."""

    def __init__(self, name: str, exchange: EndUser, *, even: bool) -> None:
        """``even`` is Link's."""
        self.name = name
        self.site = name.partition(".")[0]
        self.link = Link(even=even)
        self.session = ""
        """Names the link in a handshake; "" until its first."""
        self.joined = False
        """Until then the other end may say messages, and nothing else."""
        self.ports: dict[int, StreamPort] = {}
        self.dials: dict[int, Dial] = {}
        """Streams that we asked for and that were not answered yet."""
        self.asked: dict[int, tuple[LinkEnd, int]] = {}
        """Streams that the other end asked for -> the stream of another link that is to be it."""
        self.last_received = 0.0
        """Event loop time."""
        self._exchange = exchange
        self._even = even
        self._pipe: Pipe | None = None
        self._waiting: dict[StreamPort, None] = {}  # a set that keeps its order

    @property
    def attached(self) -> bool:
        return self._pipe is not None

    @property
    def full(self) -> bool:
        """More is waiting to go out than should be, or there is no way out at all."""
        return (
            self._pipe is None or self._pipe.full or self.link.unacknowledged > UNACKNOWLEDGED_BYTES
        )

    def attach(
        self, plug: socket.socket, session: str, peer_received: int, early: bytes = b""
    ) -> None:
        """Go on over ``plug``, with what the other end has not received. FrameError.

        ``early`` came on ``plug`` already.
        """
        self.drop()
        self.link.attach(peer_received)
        self.session = session
        self.last_received = asyncio.get_running_loop().time()
        self._pipe = Pipe(plug, self)
        self.flush()
        self._tell_room()
        if early:
            self.on_bytes(early)

    def drop(self) -> None:
        """Let go of the pipe; the link waits for another."""
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            self.link.detach()
            pipe.abort()

    def renew(self) -> list[int]:
        """Begin a new link: nothing of the old one is left. The streams that are lost."""
        self.drop()
        lost = [reset.stream for reset in self.link.abandon()]
        self.link = Link(even=self._even)
        self.session = ""
        self._waiting.clear()
        return lost

    # From the pipe ---------------------------------------------------------------------

    def on_bytes(self, data: bytes) -> None:
        self.last_received = asyncio.get_running_loop().time()
        try:
            events = self.link.receive(data)
        except FrameError as error:
            self._exchange.on_broken(self, str(error))
            self._exchange.on_link_lost(self, str(error))
            return
        for event in events:
            self._exchange.on_event(self, event)
        self.flush()
        if self._waiting:
            self._tell_room()  # an acknowledgement may have made some

    def on_eof(self) -> None:
        self.on_lost("the other end closed it")

    def on_lost(self, reason: str) -> None:
        if self._pipe is not None:
            self.drop()
            self._exchange.on_link_lost(self, reason)

    def on_room(self) -> None:
        self._tell_room()

    def _tell_room(self) -> None:
        if self.full:
            return
        waiting, self._waiting = self._waiting, {}
        for port in waiting:
            port.room()

    # From streams ----------------------------------------------------------------------

    def flush(self) -> None:
        out = self.link.take()
        if out and self._pipe is not None:
            self._pipe.write(out)

    def wait_for_room(self, port: StreamPort) -> None:
        """Call ``port.room`` when ``full`` is over."""
        self._waiting[port] = None

    def add(self, stream: int) -> StreamPort:
        port = StreamPort(self, stream)
        self.ports[stream] = port
        return port

    def forget(self, stream: int) -> None:
        self.ports.pop(stream, None)

    def say(self, message: dict[str, Any]) -> None:
        self.link.say(message)
        self.flush()

    def refuse(self, stream: int, reason: str) -> None:
        """Answer the other end's dial with a sentence."""
        self.link.reset(stream, reason)
        self.flush()


class LocalDial:
    """A local process waits for the other exchange to accept its dial."""

    def __init__(self, port: LocalPort) -> None:
        self._port = port

    def accepted(self, stream: StreamPort) -> None:
        self._port.on_gone = self._port.on_early = None
        tie(self._port, stream)
        self._port.write(b'{"ok": true}\n')

    def refused(self, reason: str) -> None:
        self._port.on_gone = None
        refuse(self._port, reason)


class RemoteDial:
    """Another link's stream waits for this link to accept it."""

    def __init__(self, end: LinkEnd, stream: int) -> None:
        self._end, self._stream = end, stream

    def accepted(self, stream: StreamPort) -> None:
        self._end.asked.pop(self._stream, None)
        tie(self._end.add(self._stream), stream)
        self._end.link.accept(self._stream)
        self._end.flush()

    def refused(self, reason: str) -> None:
        self._end.asked.pop(self._stream, None)
        self._end.refuse(self._stream, reason)


def refuse(port: LocalPort, reason: str) -> None:
    """Answer a local request with a sentence, and close."""
    port.write(json.dumps({"error": reason}).encode() + b"\n")
    port.abort(reason)
