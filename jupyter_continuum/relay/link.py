"""Many streams over one byte pipe that may break and be joined again. No I/O in here.

All bytes of a link are counted, from its first to its last: each end keeps what it sent until
the other has acknowledged it, and after a break goes on at the byte that the other had not
received. A frame may be cut anywhere.

Flow control is by credit, per stream and direction: a sender may have ``WINDOW`` bytes
under way, and sends more only when the receiver grants it. So no stream can fill the
memory of an exchange, and a slow reader stops nobody but its own writer.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from jupyter_continuum.relay.frames import (
    AMOUNT,
    COUNT,
    HEADER,
    MAX_PAYLOAD,
    MAX_WORDS,
    Accepted,
    Buffer,
    Data,
    Decoder,
    Event,
    Finished,
    FrameError,
    Granted,
    Kind,
    Opened,
    Reset,
    Said,
    read_object,
    text,
    unpack,
)

WINDOW = 4 * 1024 * 1024
"""Bytes under way per stream and direction: 80 ms of 400 Mbit/s."""
MAX_STREAMS = 65_536
ACK_EVERY_BYTES = 1024 * 1024


class _Stream:
    """One stream as this end sees it."""

    __slots__ = ("credit", "finished", "granted", "peer_finished")

    def __init__(self) -> None:
        self.credit = WINDOW
        """Bytes that may still be sent."""
        self.granted = WINDOW
        """Bytes that the other end may still send."""
        self.finished = False
        self.peer_finished = False


class Link:
    """One end of a link: calls in, buffers out; bytes in, events out.

    A link survives its pipe. Between ``detach`` and ``attach`` everything that is sent is
    kept; ``attach`` sends again what the other end says it has not received.
    """

    def __init__(self, *, even: bool) -> None:
        """``even``: this end opens even stream ids, the other end odd ones."""
        self._next = 2 if even else 1
        self._even = even
        self._streams: dict[int, _Stream] = {}
        self._decoder = Decoder()
        self._kept: deque[Buffer] = deque()
        """What was sent, from byte ``_acknowledged`` on."""
        self._acknowledged = 0
        self._sent = 0
        self._out: list[Buffer] = []
        self._attached = False
        self.received = 0
        """Bytes received so far: what ``attach`` at the other end needs."""
        self._told = 0
        """How many of them the other end knows of."""
        self._news = False
        """Something that is no acknowledgement came since: two ends never just echo those."""

    # What the owner does -----------------------------------------------------------

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    @property
    def unacknowledged(self) -> int:
        """Bytes that are kept because the other end may not have them."""
        return self._sent - self._acknowledged

    def is_open(self, stream: int) -> bool:
        """False once both directions are over, or the stream was reset."""
        return stream in self._streams

    def open(self, to: str) -> int:
        """Ask the other end for a stream to ``to``; Accepted or Reset will follow.

        ValueError when the link carries all the streams it can.
        """
        if len(self._streams) >= MAX_STREAMS:
            raise ValueError(f"a link carries at most {MAX_STREAMS} streams at once")
        stream = self._next
        self._next += 2
        self._streams[stream] = _Stream()
        self._send(Kind.OPEN, stream, to.encode())
        return stream

    def accept(self, stream: int) -> None:
        self._send(Kind.ACCEPTED, stream)

    def credit(self, stream: int) -> int:
        """Bytes that may be sent on ``stream`` now; 0 when it is gone or finished."""
        state = self._streams.get(stream)
        return 0 if state is None or state.finished else state.credit

    def send(self, stream: int, data: Buffer) -> None:
        """Send ``data``; at most ``credit(stream)`` and MAX_PAYLOAD bytes."""
        state = self._streams[stream]
        size = len(data)
        if size > state.credit or size > MAX_PAYLOAD or state.finished:
            raise ValueError(f"{size} bytes on stream {stream} with credit {state.credit}")
        state.credit -= size
        self._send(Kind.DATA, stream, data)

    def grant(self, stream: int, amount: int) -> None:
        """Let the other end send ``amount`` more bytes on ``stream``."""
        state = self._streams.get(stream)
        if state is not None and not state.peer_finished:
            state.granted += amount
            self._send(Kind.CREDIT, stream, AMOUNT.pack(amount))

    def finish(self, stream: int) -> None:
        """Say that no more data will be sent on ``stream``."""
        state = self._streams.get(stream)
        if state is not None and not state.finished:
            state.finished = True
            self._send(Kind.FINISH, stream)
            self._drop_if_over(stream, state)

    def reset(self, stream: int, reason: str = "") -> None:
        """End ``stream`` both ways at once."""
        if self._streams.pop(stream, None) is not None:
            self._send(Kind.RESET, stream, reason.encode()[:MAX_WORDS])

    def say(self, message: dict[str, Any]) -> None:
        """Send a message to the other exchange; ValueError when it is over MAX_PAYLOAD."""
        payload = json.dumps(message).encode()
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(f"a message of {len(payload)} bytes is over {MAX_PAYLOAD}")
        self._send(Kind.MESSAGE, 0, payload)

    def ping(self) -> None:
        self._send(Kind.PING, 0)

    def acknowledge(self) -> None:
        """Tell the other end what was received, so that it may forget it."""
        if self._news:
            self._news = False
            self._told = self.received
            self._send(Kind.ACK, 0, COUNT.pack(self.received))

    # The pipe ------------------------------------------------------------------------

    def take(self) -> list[Buffer]:
        """What to write to the pipe now, in order."""
        out, self._out = self._out, []
        return out

    def detach(self) -> None:
        """The pipe broke. What is half received stays so: the rest will come."""
        self._attached = False
        self._out = []

    def attach(self, peer_received: int) -> None:
        """A pipe is there; the other end has ``peer_received`` bytes."""
        if not self._acknowledged <= peer_received <= self._sent:
            raise FrameError(
                f"the other end has {peer_received} bytes, and is owed "
                f"{self._acknowledged} to {self._sent}"
            )
        self._forget(peer_received)
        self._attached = True
        self._out = list(self._kept)

    def receive(self, data: Buffer) -> list[Event]:
        """What the bytes from the pipe mean. FrameError: close the link for good."""
        self.received += len(data)
        events: list[Event] = []
        for kind, stream, payload in self._decoder.feed(data):
            if kind == Kind.ACK:
                self._acknowledge_until(unpack(COUNT, payload))
                continue
            self._news = True
            event = self._receive(kind, stream, payload)
            if event is not None:
                events.append(event)
        if self.received - self._told >= ACK_EVERY_BYTES:
            self.acknowledge()
        return events

    def abandon(self) -> list[Reset]:
        """The link will never come back: every stream is reset."""
        lost = [Reset(stream, "the link was lost") for stream in self._streams]
        self._streams.clear()
        self._kept.clear()
        self._acknowledged = self._sent
        self.detach()
        return lost

    # Inside ----------------------------------------------------------------------------

    def _receive(self, kind: int, stream: int, payload: Buffer) -> Event | None:
        state = self._streams.get(stream)
        if kind == Kind.DATA:
            if state is None:  # crossed our reset on the way
                return None
            if len(payload) > state.granted or state.peer_finished:
                raise FrameError(f"stream {stream} sent more than it was granted")
            state.granted -= len(payload)
            return Data(stream, payload)
        if kind == Kind.CREDIT:
            amount = unpack(AMOUNT, payload)
            if state is None:
                return None
            state.credit += amount
            if state.credit > WINDOW:
                raise FrameError(f"stream {stream} was granted more than was sent")
            return Granted(stream)
        if kind == Kind.OPEN:
            return self._opened(stream, text(payload))
        if kind == Kind.ACCEPTED:
            return None if state is None else Accepted(stream)
        if kind == Kind.FINISH:
            if state is None:
                return None
            state.peer_finished = True
            self._drop_if_over(stream, state)
            return Finished(stream)
        if kind == Kind.RESET:
            self._streams.pop(stream, None)
            return None if state is None else Reset(stream, text(payload))
        if kind == Kind.MESSAGE:
            return Said(read_object(payload))
        if kind == Kind.PING:
            self._send(Kind.PONG, 0)
        return None

    def _opened(self, stream: int, to: str) -> Opened:
        if stream % 2 == (0 if self._even else 1) or stream in self._streams or stream == 0:
            raise FrameError(f"stream {stream} is not free to be opened")
        if len(self._streams) >= MAX_STREAMS:
            raise FrameError(f"a link carries at most {MAX_STREAMS} streams at once")
        self._streams[stream] = _Stream()
        return Opened(stream, to)

    def _drop_if_over(self, stream: int, state: _Stream) -> None:
        if state.finished and state.peer_finished:
            del self._streams[stream]

    def _send(self, kind: Kind, stream: int, payload: Buffer = b"") -> None:
        self._keep(HEADER.pack(kind, stream, len(payload)))
        if payload:
            self._keep(payload)

    def _keep(self, data: Buffer) -> None:
        self._kept.append(data)
        self._sent += len(data)
        if self._attached:
            self._out.append(data)

    def _acknowledge_until(self, count: int) -> None:
        if count > self._sent:
            raise FrameError(f"{count} bytes were acknowledged and {self._sent} sent")
        if count > self._acknowledged:  # else: said before a break, and sent again since
            self._forget(count)

    def _forget(self, count: int) -> None:
        while self._acknowledged < count:
            first = self._kept.popleft()
            size = count - self._acknowledged
            if size < len(first):
                self._kept.appendleft(memoryview(first)[size:])
                self._acknowledged = count
            else:
                self._acknowledged += len(first)
