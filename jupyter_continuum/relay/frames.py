"""Many streams over one byte pipe that may break and be joined again. No I/O in here.

A frame is ``type: u8, stream: u32, length: u32`` (network order) and ``length`` bytes.
Every frame but ACK, PING and PONG is *sequenced*: both ends count them, the sender keeps
each until it is acknowledged, and after a break sends again what the other end had not
received. What the streams carry is TLS, so nothing here is secret and nothing is trusted.

Flow control is by credit, per stream and direction: a sender may have ``WINDOW`` bytes
under way, and sends more only when the receiver grants it. So no stream can fill the
memory of an exchange, and a slow reader stops nobody but its own writer.
"""

from __future__ import annotations

import json
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

HEADER = struct.Struct("!BII")
COUNT = struct.Struct("!Q")
AMOUNT = struct.Struct("!I")

MAX_PAYLOAD = 256 * 1024
"""Bytes in one frame: what one ``recv`` of asyncio gives."""
WINDOW = 4 * 1024 * 1024
"""Bytes under way per stream and direction: 80 ms of 400 Mbit/s."""
MAX_STREAMS = 65_536
ACK_EVERY_FRAMES = 64
ACK_EVERY_BYTES = 1024 * 1024

Buffer = bytes | bytearray | memoryview


class FrameError(Exception):
    """The other end broke the rules; the link is of no more use."""


class Kind(IntEnum):
    OPEN = 1
    ACCEPTED = 2
    DATA = 3
    CREDIT = 4
    FINISH = 5
    RESET = 6
    MESSAGE = 7
    ACK = 8
    PING = 9
    PONG = 10


_SEQUENCED = frozenset(range(Kind.OPEN, Kind.ACK))


@dataclass(frozen=True, slots=True)
class Opened:
    """The other end asks for a stream to ``to``."""

    stream: int
    to: str


@dataclass(frozen=True, slots=True)
class Accepted:
    stream: int


@dataclass(frozen=True, slots=True)
class Data:
    stream: int
    payload: Buffer


@dataclass(frozen=True, slots=True)
class Granted:
    """More may be sent on ``stream``."""

    stream: int


@dataclass(frozen=True, slots=True)
class Finished:
    """No more data will come on ``stream``; the other direction may go on."""

    stream: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The stream is gone, both ways."""

    stream: int
    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message between the exchanges themselves."""

    message: dict[str, Any]


Event = Opened | Accepted | Data | Granted | Finished | Reset | Said


class Decoder:
    """Bytes in, whole frames out; copies only frames that arrive in pieces."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, int, memoryview]]:
        """Yield ``(type, stream, payload)``; FrameError for a frame that is too long."""
        view = memoryview(data)
        while self._rest:
            missing = self._missing()
            if missing > len(view):
                self._rest += view
                return
            self._rest += view[:missing]
            view = view[missing:]
            if self._missing():  # the header has just become whole
                continue
            whole = memoryview(bytes(self._rest))
            self._rest = bytearray()
            kind, stream, _ = HEADER.unpack_from(whole)
            yield kind, stream, whole[HEADER.size :]
        start, end = 0, len(view)
        while end - start >= HEADER.size:
            kind, stream, length = HEADER.unpack_from(view, start)
            if length > MAX_PAYLOAD:
                raise FrameError(f"a frame of {length} bytes is over {MAX_PAYLOAD}")
            body = start + HEADER.size
            if end - body < length:
                break
            yield kind, stream, view[body : body + length]
            start = body + length
        self._rest += view[start:]

    def _missing(self) -> int:
        if len(self._rest) < HEADER.size:
            return HEADER.size - len(self._rest)
        length: int = HEADER.unpack_from(self._rest)[2]
        if length > MAX_PAYLOAD:
            raise FrameError(f"a frame of {length} bytes is over {MAX_PAYLOAD}")
        return HEADER.size + length - len(self._rest)


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
    """One end of a link: calls in, frames out; bytes in, events out.

    A link survives its pipe. Between ``detach`` and ``attach`` everything that is sent is
    kept; ``attach`` sends again what the other end says it has not received.
    """

    def __init__(self, *, even: bool) -> None:
        """``even``: this end opens even stream ids, the other end odd ones."""
        self._next = 2 if even else 1
        self._even = even
        self._streams: dict[int, _Stream] = {}
        self._decoder = Decoder()
        self._unacknowledged: deque[tuple[bytes, Buffer]] = deque()
        self._acknowledged = 0
        self._out: list[Buffer] = []
        self._attached = False
        self.received = 0
        """Sequenced frames received so far: what ``attach`` at the other end needs."""
        self._ack_frames = 0
        self._ack_bytes = 0
        self.unacknowledged_bytes = 0

    # What the owner does -----------------------------------------------------------

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def is_open(self, stream: int) -> bool:
        """False once both directions are over, or the stream was reset."""
        return stream in self._streams

    def open(self, to: str) -> int:
        """Ask the other end for a stream to ``to``; Accepted or Reset will follow."""
        if len(self._streams) >= MAX_STREAMS:
            raise FrameError(f"a link carries at most {MAX_STREAMS} streams at once")
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
            self._send(Kind.RESET, stream, reason.encode()[:1024])

    def say(self, message: dict[str, Any]) -> None:
        """Send a message to the other exchange; ValueError when it is over MAX_PAYLOAD."""
        payload = json.dumps(message).encode()
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(f"a message of {len(payload)} bytes is over {MAX_PAYLOAD}")
        self._send(Kind.MESSAGE, 0, payload)

    def ping(self) -> None:
        self._emit(Kind.PING, 0)

    def acknowledge(self) -> None:
        """Tell the other end what was received, so that it may forget it."""
        if self._ack_frames:
            self._ack_frames = self._ack_bytes = 0
            self._emit(Kind.ACK, 0, COUNT.pack(self.received))

    # The pipe ------------------------------------------------------------------------

    def take(self) -> list[Buffer]:
        """What to write to the pipe now, in order."""
        out, self._out = self._out, []
        return out

    def detach(self) -> None:
        """The pipe broke: bytes of a half-received frame are forgotten, frames are kept."""
        self._attached = False
        self._out = []
        self._decoder = Decoder()

    def attach(self, peer_received: int) -> None:
        """A pipe is there; the other end has ``peer_received`` sequenced frames."""
        if peer_received > self._acknowledged + len(self._unacknowledged):
            raise FrameError("the other end has received more than was sent")
        if peer_received < self._acknowledged:
            raise FrameError("the other end lost frames it had acknowledged")
        self._forget(peer_received)
        self._attached = True
        self._out = []
        for header, payload in self._unacknowledged:
            self._out.append(header)
            if payload:
                self._out.append(payload)

    def receive(self, data: bytes) -> list[Event]:
        """What the bytes from the pipe mean. FrameError: close the link for good."""
        events: list[Event] = []
        for kind, stream, payload in self._decoder.feed(data):
            if kind in _SEQUENCED:
                self.received += 1
                self._ack_frames += 1
                self._ack_bytes += len(payload)
            event = self._receive(kind, stream, payload)
            if event is not None:
                events.append(event)
        if self._ack_frames >= ACK_EVERY_FRAMES or self._ack_bytes >= ACK_EVERY_BYTES:
            self.acknowledge()
        return events

    def abandon(self) -> list[Event]:
        """The link will never come back: every stream is reset."""
        lost: list[Event] = [Reset(stream, "the link was lost") for stream in self._streams]
        self._streams.clear()
        self._unacknowledged.clear()
        self.unacknowledged_bytes = 0
        self.detach()
        return lost

    # Inside ----------------------------------------------------------------------------

    def _receive(self, kind: int, stream: int, payload: memoryview) -> Event | None:
        state = self._streams.get(stream)
        if kind == Kind.DATA:
            if state is None:  # crossed our reset on the way
                return None
            if len(payload) > state.granted or state.peer_finished:
                raise FrameError(f"stream {stream} sent more than it was granted")
            state.granted -= len(payload)
            return Data(stream, payload)
        if kind == Kind.CREDIT:
            (amount,) = _unpack(AMOUNT, payload)
            if state is None:
                return None
            state.credit += amount
            if state.credit > WINDOW:
                raise FrameError(f"stream {stream} was granted more than was sent")
            return Granted(stream)
        if kind == Kind.OPEN:
            if stream % 2 == (0 if self._even else 1) or stream in self._streams or stream == 0:
                raise FrameError(f"stream {stream} is not free to be opened")
            if len(self._streams) >= MAX_STREAMS:
                raise FrameError(f"a link carries at most {MAX_STREAMS} streams at once")
            self._streams[stream] = _Stream()
            return Opened(stream, _text(payload))
        if kind == Kind.ACCEPTED:
            return None if state is None else Accepted(stream)
        if kind == Kind.FINISH:
            if state is None:
                return None
            state.peer_finished = True
            self._drop_if_over(stream, state)
            return Finished(stream)
        if kind == Kind.RESET:
            return (
                None if self._streams.pop(stream, None) is None else Reset(stream, _text(payload))
            )
        if kind == Kind.MESSAGE:
            return Said(_message(payload))
        if kind == Kind.ACK:
            (count,) = _unpack(COUNT, payload)
            if not self._acknowledged <= count <= self._acknowledged + len(self._unacknowledged):
                raise FrameError(f"{count} frames were acknowledged that were not sent")
            self._forget(count)
            return None
        if kind == Kind.PING:
            self._emit(Kind.PONG, 0)
            return None
        if kind == Kind.PONG:
            return None
        raise FrameError(f"there is no frame of type {kind}")

    def _drop_if_over(self, stream: int, state: _Stream) -> None:
        if state.finished and state.peer_finished:
            del self._streams[stream]

    def _send(self, kind: Kind, stream: int, payload: Buffer = b"") -> None:
        header = HEADER.pack(kind, stream, len(payload))
        self._unacknowledged.append((header, payload))
        self.unacknowledged_bytes += len(payload)
        if self._attached:
            self._out.append(header)
            if payload:
                self._out.append(payload)

    def _emit(self, kind: Kind, stream: int, payload: Buffer = b"") -> None:
        if self._attached:
            self._out.append(HEADER.pack(kind, stream, len(payload)))
            if payload:
                self._out.append(payload)

    def _forget(self, count: int) -> None:
        for _ in range(count - self._acknowledged):
            self.unacknowledged_bytes -= len(self._unacknowledged.popleft()[1])
        self._acknowledged = count


def _unpack(form: struct.Struct, payload: memoryview) -> tuple[int]:
    if len(payload) != form.size:
        raise FrameError(f"{form.size} bytes were expected, {len(payload)} came")
    return form.unpack(payload)  # type: ignore[return-value]


def _text(payload: memoryview) -> str:
    return bytes(payload).decode("utf-8", "replace")


def _message(payload: memoryview) -> dict[str, Any]:
    try:
        message = json.loads(bytes(payload))
    except ValueError as error:
        raise FrameError("a message was not JSON") from error
    if not isinstance(message, dict):
        raise FrameError("a message was not a JSON object")
    return message
