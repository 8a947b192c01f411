"""Two ends of a byte stream tied together: what one reads, the other writes.

A *port* is one end: a Unix socket of a process beside the exchange (``LocalPort``) or a
stream on a link (``StreamPort``). Each port tells its peer to hold when it cannot take
more, so memory stays bounded by the windows of ``frames``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from jupyter_continuum.relay.frames import MAX_PAYLOAD, WINDOW, Buffer, Link


class Port(Protocol):
    """One end of a splice."""

    side: str
    """The site it belongs to, for the byte counters."""
    peer: Port | None

    def write(self, data: Buffer) -> None: ...
    def finish(self) -> None: ...
    def abort(self, reason: str) -> None: ...
    def hold(self) -> None: ...
    def release(self) -> None: ...


Counter = Callable[[str, str, int], None]
"""Told (source site, target site, bytes) of everything that passes a splice."""


class LocalPort(asyncio.Protocol):
    """A connection on a Unix socket. Before it is tied, bytes go to ``on_early``."""

    def __init__(
        self,
        side: str,
        count: Counter,
        *,
        on_early: Callable[[LocalPort, bytes], None] | None = None,
        on_lost: Callable[[LocalPort], None] | None = None,
    ) -> None:
        self.side = side
        self.peer: Port | None = None
        self._count = count
        self.on_early = on_early
        self.on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._read_over = False
        self._write_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=MAX_PAYLOAD)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self._count(self.side, self.peer.side, len(data))
            self.peer.write(data)
        elif self.on_early is not None:
            self.on_early(self, data)

    def eof_received(self) -> bool:
        self._read_over = True
        if self.peer is None:
            return False
        self.peer.finish()
        return not self._write_over  # the other direction may go on

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.peer = None
            peer.abort("the process closed its connection")
        if self.on_lost is not None:
            self.on_lost(self)

    def pause_writing(self) -> None:
        if self.peer is not None:
            self.peer.hold()

    def resume_writing(self) -> None:
        if self.peer is not None:
            self.peer.release()

    def write(self, data: Buffer) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def finish(self) -> None:
        """No more will be written; closes once both directions are over."""
        self._write_over = True
        if self._transport is None or self._transport.is_closing():
            return
        if self._read_over:
            self._transport.close()
        else:
            self._transport.write_eof()

    def abort(self, reason: str) -> None:
        """Close after what was written has gone out."""
        if self._transport is not None:
            self._transport.close()

    def hold(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def release(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


class Carrying(Protocol):
    """What a stream needs of the end of the link it is on."""

    site: str
    link: Link

    def flush(self) -> None: ...
    def forget(self, stream: int) -> None: ...


class StreamPort:
    """A stream on a link."""

    __slots__ = (
        "_end",
        "_held",
        "_link",
        "_owed",
        "_queue",
        "_queue_finish",
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
        self._queue: deque[memoryview] = deque()
        """What the peer gave beyond our credit; the peer is held while there is any."""
        self._queue_finish = False
        self._owed = 0
        """Bytes received and not yet granted again."""
        self._held = False

    # From the peer -----------------------------------------------------------------

    def write(self, data: Buffer) -> None:
        self._queue.append(memoryview(data))
        self._drain()
        if self._queue and self.peer is not None:
            self.peer.hold()

    def finish(self) -> None:
        if self._queue:
            self._queue_finish = True
        else:
            self._finish()
            self._end.flush()

    def abort(self, reason: str) -> None:
        self._queue.clear()
        self._link.reset(self.stream, reason)
        self._end.forget(self.stream)
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
        was_full = bool(self._queue)
        self._drain()
        if was_full and not self._queue and self.peer is not None:
            self.peer.release()

    def _grant(self) -> None:
        if not self._held and self._owed >= WINDOW // 8:
            owed, self._owed = self._owed, 0
            self._link.grant(self.stream, owed)
            self._end.flush()

    def _drain(self) -> None:
        while self._queue:
            credit = min(self._link.credit(self.stream), MAX_PAYLOAD)
            if not credit:
                break
            data = self._queue.popleft()
            if len(data) > credit:
                self._queue.appendleft(data[credit:])
                data = data[:credit]
            self._link.send(self.stream, data)
        else:
            if self._queue_finish:
                self._queue_finish = False
                self._finish()
        self._end.flush()

    def _finish(self) -> None:
        self._link.finish(self.stream)
        if not self._link.is_open(self.stream):
            self._end.forget(self.stream)


def tie(one: Port, other: Port) -> None:
    """Splice two ports."""
    one.peer, other.peer = other, one
