"""A stream socket without copies: bytes in by callback, buffers out by one ``writev``.

Asyncio's own transports join and copy what is written (Python 3.11), which costs an exchange
more than all else it does.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

from jupyter_continuum.relay.frames import Buffer

READ_BYTES = 256 * 1024
HIGH_BYTES = 1024 * 1024
"""A pipe that holds so much unsent is full, and has room again below a quarter of it."""
SOCKET_BYTES = 1024 * 1024
"""What the kernel is asked to buffer in a Unix socket: fewer, larger reads."""
BUFFERS_AT_ONCE = 256
"""Of the 1024 that ``writev`` takes."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's ``mallopt``."""
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
OUT_OF_FILES_SECONDS = 1.0


class PipeUser(Protocol):
    """Who reads from a pipe."""

    def on_bytes(self, data: bytes) -> None: ...
    def on_eof(self) -> None:
        """The other end sends no more; writing may go on."""

    def on_lost(self, reason: str) -> None:
        """The pipe broke and is closed. Never after ``close`` or ``abort``."""

    def on_room(self) -> None:
        """``full`` is over."""


class Pipe:
    """One connected socket, which the pipe owns from now on."""

    def __init__(self, plug: socket.socket, user: PipeUser) -> None:
        plug.setblocking(False)
        if plug.family == socket.AF_UNIX:
            widen(plug)
        self.user = user
        self.full = False
        """More is waiting to be sent than should be."""
        self._loop = asyncio.get_running_loop()
        self._socket = plug
        self._fd = plug.fileno()
        self._out: deque[Buffer] = deque()
        self._size = 0
        self._scheduled = False
        self._blocked = False
        """The kernel takes no more for now."""
        self._reading = False
        self._read_over = False
        self._ending = ""
        """What to do when all is written: "finish" or "close"."""
        self._gone = False
        self._let_go = False
        """The user wants to hear of it no more."""
        self.resume()

    @property
    def open(self) -> bool:
        """False once it was closed, or broke."""
        return not self._gone and self._ending != "close"

    # Reading ---------------------------------------------------------------------------

    def pause(self) -> None:
        """Read no more for now; idempotent."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        """Read on; idempotent, and without effect on a pipe that is over."""
        if not self._reading and not self._read_over and self.open:
            self._reading = True
            self._loop.add_reader(self._fd, self._read)

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._break(error)
            return
        if data:
            self.user.on_bytes(data)
        else:
            self.pause()
            self._read_over = True
            self.user.on_eof()

    # Writing ---------------------------------------------------------------------------

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send ``buffers`` in order, soon and together; they must not change any more."""
        if self._gone or self._ending:
            return
        self._out.extend(buffers)
        self._size += sum(map(len, buffers))
        if self._size > HIGH_BYTES:
            if not self._blocked:
                self._write()
            if self._size > HIGH_BYTES:
                self.full = True  # until ``on_room``
        elif not self._scheduled and not self._blocked:
            self._scheduled = True
            self._loop.call_soon(self._write_scheduled)

    def finish(self) -> None:
        """Say that nothing more comes, after what was written."""
        self._end("finish")

    def close(self) -> None:
        """Close after what was written has gone out; nothing is read any more."""
        self._let_go = True
        self.pause()
        self._end("close")

    def abort(self) -> None:
        """Close now."""
        self._let_go = True
        self._shut()

    def _shut(self) -> None:
        if self._gone:
            return
        self.pause()
        self._gone = True
        self._out.clear()
        self._size = 0
        if self._blocked:
            self._loop.remove_writer(self._fd)
        self._socket.close()

    def _end(self, how: str) -> None:
        if not self._gone and self._ending != "close":
            self._ending = how
            self._write()

    def _write_scheduled(self) -> None:
        self._scheduled = False
        if not self._blocked:
            self._write()

    def _write(self) -> None:
        while self._out and not self._gone:
            try:
                sent = os.writev(self._fd, list(islice(self._out, BUFFERS_AT_ONCE)))
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self._break(error)
                return
            self._size -= sent
            while sent:
                first = self._out.popleft()
                if sent < len(first):
                    self._out.appendleft(memoryview(first)[sent:])
                    break
                sent -= len(first)
        if self._gone:
            return
        if bool(self._out) != self._blocked:
            self._blocked = not self._blocked
            if self._blocked:
                self._loop.add_writer(self._fd, self._write)
            else:
                self._loop.remove_writer(self._fd)
        if not self._out and self._ending:
            self._ended()
        elif self.full and self._size < HIGH_BYTES // 4:
            self.full = False
            self.user.on_room()

    def _ended(self) -> None:
        if self._ending == "close":
            self.abort()
            return
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._break(error)

    def _break(self, error: OSError) -> None:
        self._shut()
        # Later, as the user may be in the middle of a write.
        self._loop.call_soon(self._tell_lost, error.strerror or str(error))

    def _tell_lost(self, reason: str) -> None:
        if not self._let_go:
            self.user.on_lost(reason)


class Door:
    """Listening sockets; whoever comes is handed on as a connected socket."""

    def __init__(self, plug: socket.socket, welcome: Callable[[socket.socket], object]) -> None:
        plug.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._socket = plug
        self._welcome = welcome
        self._pause: asyncio.TimerHandle | None = None
        self._watch()

    @property
    def port(self) -> int:
        number: int = self._socket.getsockname()[1]
        return number

    def close(self) -> None:
        """Idempotent."""
        if self._pause is not None:
            self._pause.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _watch(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(64):
            try:
                plug, _ = self._socket.accept()
            except OSError as error:
                if error.errno in OUT_OF_FILES:  # it would only be told again at once
                    self._loop.remove_reader(self._socket)
                    self._pause = self._loop.call_later(OUT_OF_FILES_SECONDS, self._watch)
                return
            plug.setblocking(False)
            self._welcome(plug)


def listen_unix(path: Path) -> socket.socket:
    """A listening Unix socket, readable by its owner alone. OSError when the path is taken."""
    plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        plug.bind(str(path))
        os.chmod(path, 0o600)
        plug.listen(2048)
    except BaseException:
        plug.close()
        raise
    return plug


async def dial_unix(path: str) -> socket.socket:
    """A connected Unix socket. OSError."""
    plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    plug.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(plug, path)
    except BaseException:
        plug.close()
        raise
    return plug


def widen(plug: socket.socket) -> None:
    """Let the kernel buffer more in a Unix socket; TCP is left to find its own size."""
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)


def keep_freed_memory() -> None:
    """Let glibc reuse what was read into, instead of giving it back after each read.

    Fresh pages for every 256 KiB cost an exchange a fifth of its CPU time (measured 2026-11).
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if adjust is not None:
        adjust(M_MMAP_THRESHOLD, 4 * READ_BYTES)
        adjust(M_TRIM_THRESHOLD, 128 * READ_BYTES)
