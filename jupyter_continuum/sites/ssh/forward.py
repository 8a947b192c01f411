"""A Unix socket here whose connections come out at an endpoint there, over SSH channels.

asyncssh has such forwards, but leaves accepted sockets open when one is closed early,
and fixes the window; here every connection has an owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncssh

from jupyter_continuum.errors import SiteError
from jupyter_continuum.sites.protocols import Endpoint
from jupyter_continuum.sites.sockets import make_room, shut

WINDOW = 4 * 2**20
"""Bytes on their way before an acknowledgement: 1.6 Gbit/s at 20 ms."""
PACKET = 64 * 1024
BUFFER = 512 * 1024
"""Bytes waiting for this side before the far side is told to stop."""

Opener = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Opens a channel for a session. Any: asyncssh has a class of both for TCP and one for Unix
sockets, alike but in name, and carrier ``ssh-exec`` has a channel of its own."""


class _Far(asyncssh.SSHTCPSession[bytes]):
    """The end of a channel; hands on to the socket what arrives."""

    def __init__(self, near: _Near) -> None:
        self._near = near

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        self._near.channel = chan

    def data_received(self, data: bytes | memoryview, datatype: int | None) -> None:
        self._near.socket.write(data)

    def eof_received(self) -> bool:
        self._near.far_ended = True
        if self._near.near_ended:
            self._near.finish()
        elif not self._near.socket.is_closing():
            self._near.socket.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._near.channel = None
        self._near.socket.close()

    def pause_writing(self) -> None:
        self._near.held = True
        if not self._near.socket.is_closing():
            self._near.socket.pause_reading()

    def resume_writing(self) -> None:
        self._near.held = False
        if not self._near.socket.is_closing():
            self._near.socket.resume_reading()


class _Near(asyncio.Protocol):
    """An accepted connection, and the channel that carries it."""

    socket: asyncio.Transport

    def __init__(self, open_channel: Opener, living: set[_Near]) -> None:
        self._open_channel = open_channel
        self._living = living
        self._opening: asyncio.Task[None] | None = None
        self.channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self.held = False
        """The channel takes no more for now."""
        self.near_ended = False
        self.far_ended = False
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.socket = transport
        transport.set_write_buffer_limits(high=BUFFER)
        transport.pause_reading()
        self._living.add(self)
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        try:
            await self._open_channel(lambda: _Far(self))
        except (OSError, asyncssh.Error, SiteError):
            self.socket.abort()  # whoever connected sees the end, as with a refused dial
            return
        if self.socket.is_closing():
            self._drop_channel()
        elif not self.held:
            self.socket.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self.channel is not None:
            self.channel.write(data)

    def eof_received(self) -> bool:
        self.near_ended = True
        if self.far_ended:
            self.finish()
        elif self.channel is not None:
            self.channel.write_eof()
        return True

    def finish(self) -> None:
        """Both sides have said all: what is still buffered goes out first."""
        if self.channel is not None:
            self.channel.close()
        self.socket.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._living.discard(self)
        self.gone.set()
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
        self._drop_channel()

    def _drop_channel(self) -> None:
        if self.channel is not None:
            self.channel.close()
            self.channel = None

    def pause_writing(self) -> None:
        if self.channel is not None:
            self.channel.pause_reading()

    def resume_writing(self) -> None:
        if self.channel is not None:
            self.channel.resume_reading()


class SshForward:
    """Bytes from a Unix socket here to an endpoint that the login node can dial."""

    def __init__(self, path: Path, server: asyncio.Server, living: set[_Near]) -> None:
        self.path = path
        self._server = server
        self._living = living

    async def close(self) -> None:
        self._server.close()
        for near in tuple(self._living):
            near.socket.abort()
        self.path.unlink(missing_ok=True)
        await asyncio.gather(*(near.gone.wait() for near in tuple(self._living)))


def direct(ssh: asyncssh.SSHClientConnection, endpoint: Endpoint) -> Opener:
    """Channels that sshd itself connects to ``endpoint``."""

    def open_channel(session: Callable[[], Any]) -> Awaitable[Any]:
        if endpoint.path:
            return ssh.create_unix_connection(
                session, endpoint.path, window=WINDOW, max_pktsize=PACKET
            )
        return ssh.create_connection(
            session, endpoint.host, endpoint.port, window=WINDOW, max_pktsize=PACKET
        )

    return open_channel


async def open_forward(open_channel: Opener, path: Path) -> SshForward:
    """Listen at ``path``. Nobody has been dialled yet."""
    living: set[_Near] = set()
    make_room(path)
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: _Near(open_channel, living), str(path))
    shut(path)
    return SshForward(path, server, living)
