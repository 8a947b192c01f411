"""A slow link in user space: a Unix socket whose bytes arrive late and at a limited rate."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_continuum.errors import SiteError
from jupyter_continuum.sites.sockets import shut

CHUNK = 64 * 1024
BACKLOG_SECONDS = 0.02
"""How far a sender may be ahead of the line before it has to wait, as in a router's queue."""

Loop = asyncio.AbstractEventLoop
Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@dataclass(slots=True)
class Line:
    """One direction of a link; all streams of it share its rate."""

    delay_seconds: float
    bytes_per_second: float
    free_at: float = 0.0
    """When the last byte handed in leaves, in the event loop's time."""
    carried: int = 0
    """Bytes so far."""

    def depart(self, size: int, now: float) -> tuple[float, float]:
        """When ``size`` bytes handed in now have left, and when they arrive."""
        self.free_at = max(now, self.free_at) + size / self.bytes_per_second
        self.carried += size
        return self.free_at, self.free_at + self.delay_seconds

    @property
    def capacity(self) -> int:
        """Chunks under way at most: what fits on the line, and one queue."""
        seconds = self.delay_seconds + BACKLOG_SECONDS
        return max(4, int(seconds * self.bytes_per_second / CHUNK * 4))


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line) -> None:
    """Carry all bytes and the end of ``reader`` to ``writer`` over ``line``, in order."""
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(line.capacity)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_hand_in(reader, under_way, line))
        tasks.create_task(_hand_out(under_way, writer))


async def _hand_in(
    reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]], line: Line
) -> None:
    loop = asyncio.get_running_loop()
    while True:
        data = await reader.read(CHUNK)
        left, arrives = line.depart(len(data), loop.time())
        await under_way.put((arrives, data))
        if not data:
            return
        await _until(left - BACKLOG_SECONDS, loop)


async def _hand_out(
    under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
) -> None:
    loop = asyncio.get_running_loop()
    while True:
        arrives, data = await under_way.get()
        await _until(arrives, loop)
        if not data:
            if writer.can_write_eof():
                writer.write_eof()
            return
        writer.write(data)
        await writer.drain()


async def _until(moment: float, loop: Loop) -> None:
    pause = moment - loop.time()
    if pause > 0:
        await asyncio.sleep(pause)


@dataclass(slots=True)
class ShapedForward:
    """A Unix socket here; what is written to it comes out of ``dial``, later."""

    path: Path
    dial: Dial
    there: Line
    back: Line
    _server: asyncio.Server | None = None
    _streams: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.path, limit=CHUNK)
        shut(self.path)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for stream in self._streams:
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)  # they were told to go
        self.path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._splice(reader, writer))
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)

    async def _splice(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        far_writer = None
        try:
            # A dial takes one round trip.
            await _until(loop.time() + self.there.delay_seconds + self.back.delay_seconds, loop)
            far_reader, far_writer = await self.dial()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(carry(reader, far_writer, self.there))
                tasks.create_task(carry(far_reader, writer, self.back))
        except* (OSError, SiteError):  # one end has gone: both go
            pass
        finally:
            await hang_up(writer, far_writer)


async def hang_up(*writers: asyncio.StreamWriter | None) -> None:
    """Close all of them first, then see them gone: being cancelled leaves none open."""
    open_ones = [writer for writer in writers if writer is not None]
    for writer in open_ones:
        writer.close()
    for writer in open_ones:
        with contextlib.suppress(OSError):
            await writer.wait_closed()
