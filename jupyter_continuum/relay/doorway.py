"""A connected socket during the handshake: lines in and out, until a link takes it over."""

from __future__ import annotations

import asyncio
import socket

from jupyter_continuum.errors import RelayError
from jupyter_continuum.relay.ends import LinkEnd
from jupyter_continuum.relay.frames import FrameError
from jupyter_continuum.relay.handshake import MAX_LINE, Greeting


class Doorway:
    """What a carrier has just opened, before anybody proved anything. Owns the socket."""

    def __init__(self, plug: socket.socket) -> None:
        self._socket = plug
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._given = False

    def write(self, line: bytes) -> None:
        """Send a line; the kernel takes it whole, as hardly anything was sent before. OSError."""
        if self._socket.send(line) != len(line):
            raise RelayError("The other end of the link takes no bytes.")

    async def read_line(self) -> bytes:
        """The next line; RelayError when the pipe closes first or the line is too long."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE:
                raise RelayError("The other end of the link does not speak the relay's language.")
            data = await self._loop.sock_recv(self._socket, MAX_LINE)
            if not data:
                raise RelayError("The gateway closed the connection before the handshake was over.")
            self._buffer += data
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        return line

    def hand_over(self, end: LinkEnd, greeting: Greeting) -> None:
        """Let ``end`` go on over this socket. RelayError when the ends do not fit."""
        try:
            end.attach(self._socket, greeting.session, greeting.received, bytes(self._buffer))
        except FrameError as error:
            raise RelayError(f"The link of {end.name} cannot be resumed: {error}.") from error
        self._given = True

    def close(self) -> None:
        """Close the socket, unless a link has it; idempotent."""
        if not self._given:
            self._socket.close()

    @property
    def sockname(self) -> object:
        """The socket's own address: (host, port) of TCP, a path of a Unix socket."""
        return self._socket.getsockname()
