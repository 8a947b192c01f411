"""What two exchanges say to each other over a link, as bytes. No I/O in here.

A frame is ``type: u8, stream: u32, length: u32`` (network order) and ``length`` bytes. What
the streams carry is TLS, so nothing here is secret, and nothing that came in is trusted.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

HEADER = struct.Struct("!BII")
COUNT = struct.Struct("!Q")
AMOUNT = struct.Struct("!I")

MAX_PAYLOAD = 256 * 1024
"""Bytes of one DATA or MESSAGE frame."""
MAX_WORDS = 4096
"""Bytes of any other frame: an address, a reason, a number."""

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


_LIMITS = [0, *(MAX_PAYLOAD if k in (Kind.DATA, Kind.MESSAGE) else MAX_WORDS for k in Kind)]
_DATA = int(Kind.DATA)


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
    """Bytes of a stream; a frame that arrives in pieces is as many of these."""

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
    """Bytes in, frames out. DATA is handed on as it arrives; other frames when they are whole."""

    __slots__ = ("_left", "_part", "_stream")

    def __init__(self) -> None:
        self._part = bytearray()
        """A header, or a frame other than DATA, of which more has to come."""
        self._left = 0
        """Bytes of the current DATA frame that are still to come."""
        self._stream = 0

    def feed(self, data: Buffer) -> Iterator[tuple[int, int, Buffer]]:
        """Yield ``(type, stream, payload)``; FrameError for a frame that may not be."""
        view = memoryview(data)
        at, end = 0, len(view)
        while at < end:
            if self._left:
                size = min(self._left, end - at)
                self._left -= size
                yield _DATA, self._stream, view[at : at + size]
                at += size
                continue
            if self._part or end - at < HEADER.size:
                size = min(self._missing(), end - at)
                self._part += view[at : at + size]
                at += size
                yield from self._completed()
                continue
            kind, stream, length = _head(view, at)
            if kind == _DATA:
                self._stream, self._left = stream, length
                at += HEADER.size
            elif end - at - HEADER.size < length:
                self._part += view[at:]
                return
            else:
                at += HEADER.size + length
                yield kind, stream, view[at - length : at]

    def _completed(self) -> Iterator[tuple[int, int, Buffer]]:
        """The frame that came in pieces, once it is whole."""
        if len(self._part) < HEADER.size:
            return
        kind, stream, length = _head(self._part, 0)
        if kind == _DATA:
            self._stream, self._left = stream, length
        elif len(self._part) == HEADER.size + length:
            yield kind, stream, bytes(self._part[HEADER.size :])
        else:
            return
        self._part.clear()

    def _missing(self) -> int:
        if len(self._part) < HEADER.size:
            return HEADER.size - len(self._part)
        return HEADER.size + _head(self._part, 0)[2] - len(self._part)


def _head(data: Buffer, at: int) -> tuple[int, int, int]:
    kind, stream, length = HEADER.unpack_from(data, at)
    if not 0 < kind < len(_LIMITS):
        raise FrameError(f"there is no frame of type {kind}")
    if length > _LIMITS[kind]:
        raise FrameError(f"a frame of {length} bytes is over {_LIMITS[kind]}")
    return kind, stream, length


def unpack(form: struct.Struct, payload: Buffer) -> int:
    """The one number in ``payload``. FrameError."""
    if len(payload) != form.size:
        raise FrameError(f"{form.size} bytes were expected, {len(payload)} came")
    number: int = form.unpack(payload)[0]
    return number


def text(payload: Buffer) -> str:
    return bytes(payload).decode("utf-8", "replace")


def read_object(payload: Buffer) -> dict[str, Any]:
    """The JSON object in ``payload``. FrameError, also for one made to exhaust the parser."""
    try:
        message = json.loads(bytes(payload))
    except (ValueError, RecursionError) as error:
        raise FrameError("a message was not JSON") from error
    if not isinstance(message, dict):
        raise FrameError("a message was not a JSON object")
    return message
