"""The broker's end of carrier ``ssh-exec``: streams of which one channel carries the bytes.

No I/O in here. A stream has the face of an SSH channel, so that ``ssh_forward`` takes either.
What comes from the login node is taken as from a stranger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from jupyter_continuum.errors import SiteUnreachable
from jupyter_continuum.sites.protocols import Endpoint
from jupyter_continuum.sites.ssh.exec_relay import (
    AMOUNT,
    BEAT,
    CHUNK,
    CLOSE,
    CREDIT,
    DATA,
    FAILED,
    FINISH,
    HEADER,
    OPEN,
    OPENED,
    WINDOW,
    FrameError,
    Frames,
)

HIGH_BYTES = 512 * 1024
"""What a stream may hold that it has no credit for before its source is paused."""


class Session(Protocol):
    """Who reads from a stream: what asyncssh asks of a session, as far as it is used."""

    def connection_made(self, chan: Any) -> None: ...  # Any: asyncssh wants a class of its own
    def data_received(self, data: bytes | memoryview, datatype: int | None) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class ExecStream:
    """One stream, as its session sees it."""

    def __init__(self, streams: ExecStreams, number: int, session: Session) -> None:
        self.number = number
        self.session = session
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._streams = streams
        self._credit = WINDOW
        self._allowed = WINDOW
        """Bytes that may still come."""
        self._owed = 0
        self._waiting = bytearray()
        self._reading = True
        self._paused = False
        self._last_word = 0
        self._far_finished = False

    # What the session asks ---------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self._waiting or len(data) > self._credit:
            self._waiting += data
            self._flush()
        else:
            self._send(data)
        self.regulate()

    def write_eof(self) -> None:
        self._end(FINISH)

    def close(self) -> None:
        """After what was written has gone out; nothing that comes is read any more."""
        self._end(CLOSE)

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._grant()

    # What the channel says -----------------------------------------------------------------

    def regulate(self) -> None:
        """Tell the session to stop or go on, as the channel and the credit have it."""
        paused = self._streams.full or len(self._waiting) > HIGH_BYTES
        if paused != self._paused:
            self._paused = paused
            (self.session.pause_writing if paused else self.session.resume_writing)()

    def obey(self, kind: int, payload: memoryview) -> None:
        """FrameError when the relay program breaks its rules."""
        if kind == DATA:
            self._received(payload)
        elif kind == CREDIT:
            if len(payload) != AMOUNT.size:
                raise FrameError("a credit is not a number")
            self._credit = min(WINDOW, self._credit + AMOUNT.unpack(payload)[0])
            self._flush()
            self.regulate()
        elif kind == FINISH and not self._far_finished:
            self._far_finished = True
            self.session.eof_received()
            self._forget_if_over()
        elif kind == CLOSE:
            self._streams.forget(self)
            self.session.connection_lost(None)

    def _received(self, payload: memoryview) -> None:
        self._allowed -= len(payload)
        if self._allowed < 0 or self._far_finished:
            raise FrameError("more came than was asked for")
        self._owed += len(payload)
        if self._last_word != CLOSE:
            self.session.data_received(payload, None)
        self._grant()

    def _grant(self) -> None:
        if self._reading and self._owed > WINDOW // 8:
            self._streams.send(CREDIT, self.number, AMOUNT.pack(self._owed))
            self._allowed += self._owed
            self._owed = 0

    def _flush(self) -> None:
        while self._waiting and self._credit:
            size = min(len(self._waiting), self._credit, CHUNK)
            self._send(bytes(self._waiting[:size]))
            del self._waiting[:size]
        if not self._waiting and self._last_word:
            self._end(self._last_word)

    def _send(self, data: bytes) -> None:
        self._credit -= len(data)
        for at in range(0, len(data), CHUNK):
            self._streams.send(DATA, self.number, data[at : at + CHUNK])

    def _end(self, word: int) -> None:
        self._last_word = max(self._last_word, word)
        if not self._waiting:
            self._streams.send(word, self.number)
            self._forget_if_over()

    def _forget_if_over(self) -> None:
        said_all = bool(self._last_word) and not self._waiting
        if said_all and (self._last_word == CLOSE or self._far_finished):
            self._streams.forget(self)


class ExecStreams:
    """All streams of one channel. ``write`` sends bytes to the relay program."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.full = False
        """The channel takes no more for now."""
        self._write = write
        self._frames = Frames()
        self._streams: dict[int, ExecStream] = {}
        self._next = 0
        self._lost = ""

    async def open(self, endpoint: Endpoint, session: Session) -> ExecStream:
        """A stream that is connected at the far end. SiteUnreachable."""
        if self._lost:
            raise SiteUnreachable(self._lost)
        self._next += 1
        stream = self._streams[self._next] = ExecStream(self, self._next, session)
        where = endpoint.path or f"{endpoint.host}:{endpoint.port}"
        self.send(OPEN, stream.number, where.encode())
        try:
            await stream.opened
        except BaseException:
            if self._streams.get(stream.number) is stream:
                stream.close()
            raise
        return stream

    def feed(self, data: bytes) -> None:
        """Take what the relay program sent. FrameError when it breaks its rules."""
        for kind, number, payload in self._frames.feed(data):
            stream = self._streams.get(number)
            if stream is None:
                if kind == OPENED:  # who asked for it has given up meanwhile
                    self.send(CLOSE, number)
            elif kind == OPENED:
                if not stream.opened.done():
                    stream.session.connection_made(stream)
                    stream.opened.set_result(None)
            elif kind == FAILED:
                self.forget(stream)
                if not stream.opened.done():
                    words = bytes(payload).decode(errors="replace")
                    reason = "".join(sign for sign in words if sign.isprintable())[:200]
                    stream.opened.set_exception(SiteUnreachable(reason))
            elif stream.opened.done():
                stream.obey(kind, payload)

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        if not self._lost:
            self._write(HEADER.pack(kind, number, len(payload)) + payload)

    def beat(self) -> None:
        """Say that we are still here."""
        self.send(BEAT, 0)

    def regulate(self, full: bool) -> None:
        """The channel takes no more for now, or again."""
        self.full = full
        for stream in tuple(self._streams.values()):
            if stream.opened.done():
                stream.regulate()

    def lose(self, reason: str) -> None:
        """The channel is gone, and with it every stream."""
        self._lost = self._lost or reason
        for stream in tuple(self._streams.values()):
            self.forget(stream)
            if not stream.opened.done():
                stream.opened.set_exception(SiteUnreachable(reason))
            else:
                stream.session.connection_lost(None)

    def forget(self, stream: ExecStream) -> None:
        self._streams.pop(stream.number, None)
