"""Two ends of a byte stream tied together: what one reads, the other writes.

A *port* is one end: a Unix socket of a process beside the exchange (``LocalPort``) or a
stream on a link (``StreamPort``). A port that cannot take more tells its peer to hold, so
memory stays bounded by the windows of ``link`` and what a socket may have waiting.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

from jupyter_continuum.relay.frames import MAX_PAYLOAD, Buffer
from jupyter_continuum.relay.link import WINDOW, Link
from jupyter_continuum.relay.pipe import Pipe

GRANT_BYTES = WINDOW // 4
"""A reader grants again what it has passed on, so much at a time."""


class Port(Protocol):
    """One end of a splice."""

    side: str
    """The site it belongs to, for the byte counters."""
    peer: Port | None

    def write(self, data: Buffer) -> None: ...
    def finish(self) -> None:
        """The peer has nothing more to give."""

    def abort(self, reason: str) -> None:
        """The peer is gone."""

    def hold(self) -> None:
        """The peer can take no more for now."""

    def release(self) -> None:
        """The peer can take more."""


Counter = Callable[[str, str, int], None]
"""Told (source site, target site, bytes) of everything that passes a splice."""


class LocalPort:
    """A connection on a Unix socket. Before it is tied, bytes go to ``on_early``."""

    def __init__(
        self,
        plug: socket.socket,
        side: str,
        *,
        count: Counter,
        ports: set[LocalPort],
        on_early: Callable[[LocalPort, bytes], None] | None = None,
    ) -> None:
        """``ports``: where the port stands as long as it is open."""
        self.side = side
        self.peer: Port | None = None
        self.on_early = on_early
        self.on_gone: Callable[[], None] | None = None
        """Called when the process goes away before the port is tied."""
        self._count = count
        self._ports = ports
        self._read_over = False
        self._write_over = False
        self._pipe = Pipe(plug, self)
        ports.add(self)

    @property
    def open(self) -> bool:
        return self._pipe.open

    # From the process ----------------------------------------------------------------

    def on_bytes(self, data: bytes) -> None:
        if self.peer is not None:
            self._count(self.side, self.peer.side, len(data))
            self.peer.write(data)
        elif self.on_early is not None:
            self.on_early(self, data)

    def on_eof(self) -> None:
        self._read_over = True
        if self.peer is None:
            self._leave()
            return
        self.peer.finish()
        if self._write_over:
            self._leave()

    def on_lost(self, reason: str) -> None:
        peer = untie(self)
        if peer is not None:
            peer.abort(f"the process closed its connection: {reason}")
        self._leave()

    def on_room(self) -> None:
        if self.peer is not None:
            self.peer.release()

    # From the peer -------------------------------------------------------------------

    def write(self, data: Buffer) -> None:
        self._pipe.write((data,))
        if self._pipe.full and self.peer is not None:
            self.peer.hold()

    def finish(self) -> None:
        """No more will be written; closes once both directions are over."""
        self._write_over = True
        if self._read_over:
            self._leave()
        else:
            self._pipe.finish()

    def abort(self, reason: str) -> None:
        """Close after what was written has gone out."""
        self._leave()

    def hold(self) -> None:
        self._pipe.pause()

    def release(self) -> None:
        self._pipe.resume()

    def _leave(self) -> None:
        self._pipe.close()
        self._ports.discard(self)
        untie(self)
        self.on_early = None
        if self.on_gone is not None:
            gone, self.on_gone = self.on_gone, None
            gone()


class Carrying(Protocol):
    """What a stream needs of the end of the link it is on."""

    site: str
    link: Link

    @property
    def full(self) -> bool: ...
    def flush(self) -> None: ...
    def forget(self, stream: int) -> None: ...
    def wait_for_room(self, port: StreamPort) -> None: ...


class StreamPort:
    """A stream on a link."""

    __slots__ = (
        "_end",
        "_finish_last",
        "_held",
        "_link",
        "_owed",
        "_queue",
        "peer",
        "side",
        "stream",
    )

    def __init__(self, end: Carrying, stream: int) -> None:
        self.side = end.site
        self.peer: Port | None = None
        self.stream = stream
        self._end = end
        self._link = end.link
        self._queue: deque[Buffer] = deque()
        """What the peer gave beyond our credit; the peer is held while there is any."""
        self._finish_last = False
        """The peer has finished, and the queue is still to be sent."""
        self._owed = 0
        """Bytes received and not yet granted again."""
        self._held = False

    # From the peer -----------------------------------------------------------------

    def write(self, data: Buffer) -> None:
        if not self._queue and len(data) <= min(self._link.credit(self.stream), MAX_PAYLOAD):
            self._link.send(self.stream, data)
        else:
            self._queue.append(data)
            self._drain()
        self._end.flush()
        if self.peer is not None:
            if self._end.full:
                self._end.wait_for_room(self)
                self.peer.hold()
            elif self._queue:
                self.peer.hold()

    def finish(self) -> None:
        if self._queue:
            self._finish_last = True
        else:
            self._finish()
        self._end.flush()

    def abort(self, reason: str) -> None:
        self._queue.clear()
        self._link.reset(self.stream, reason)
        self._forget()
        self._end.flush()

    def hold(self) -> None:
        self._held = True

    def release(self) -> None:
        self._held = False
        self._grant()

    # From the link -----------------------------------------------------------------

    def received(self, payload: Buffer) -> None:
        if self.peer is None:
            return
        self._owed += len(payload)
        self.peer.write(payload)
        self._grant()

    def granted(self) -> None:
        """The other end gave credit."""
        if self._queue:
            self._drain()
            self._end.flush()
            self.room()

    def room(self) -> None:
        """The link, or this stream on it, may take more."""
        if self.peer is None or self._queue:
            return
        if self._end.full:
            self._end.wait_for_room(self)
        else:
            self.peer.release()

    def _grant(self) -> None:
        if not self._held and self._owed >= GRANT_BYTES:
            owed, self._owed = self._owed, 0
            self._link.grant(self.stream, owed)
            self._end.flush()

    def _drain(self) -> None:
        while self._queue:
            credit = min(self._link.credit(self.stream), MAX_PAYLOAD)
            if not credit:
                return
            data = self._queue.popleft()
            if len(data) > credit:
                view = memoryview(data)
                self._queue.appendleft(view[credit:])
                data = view[:credit]
            self._link.send(self.stream, data)
        if self._finish_last:
            self._finish_last = False
            self._finish()

    def _finish(self) -> None:
        self._link.finish(self.stream)
        if not self._link.is_open(self.stream):
            self._forget()

    def _forget(self) -> None:
        if self._end.link is self._link:  # a new link uses the same numbers again
            self._end.forget(self.stream)


def tie(one: Port, other: Port) -> None:
    """Splice two ports."""
    one.peer, other.peer = other, one


def untie(port: Port) -> Port | None:
    """Take a splice apart; the peer that there was."""
    peer, port.peer = port.peer, None
    if peer is not None:
        peer.peer = None
    return peer
