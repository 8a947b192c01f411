"""A pipe during the handshake: lines in and out, until a link takes it over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jupyter_continuum.errors import RelayError
from jupyter_continuum.relay.exchange import LinkEnd
from jupyter_continuum.relay.handshake import MAX_LINE, Greeting


class Doorway(asyncio.Protocol):
    """What a carrier has just opened, before anybody proved anything."""

    def __init__(self, on_open: Callable[[Doorway], None] | None = None) -> None:
        self._on_open = on_open
        self._buffer = bytearray()
        self._more = asyncio.Event()
        self._lost = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._on_open is not None:
            self._on_open(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._more.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._more.set()

    def write(self, line: bytes) -> None:
        if self._transport is not None:
            self._transport.write(line)

    async def read_line(self) -> bytes:
        """The next line; RelayError when the pipe closes first or the line is too long."""
        while b"\n" not in self._buffer:
            if self._lost:
                raise RelayError("The gateway closed the connection before the handshake was over.")
            if len(self._buffer) > MAX_LINE:
                raise RelayError("The other end of the link does not speak the relay's language.")
            self._more.clear()
            await self._more.wait()
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        return line

    def hand_over(self, end: LinkEnd, greeting: Greeting) -> None:
        """Let ``end`` go on over this pipe."""
        if self._lost or self._transport is None:
            raise RelayError("The connection was lost right after the handshake.")
        end.attach(self._transport, greeting.session, greeting.received)
        if self._buffer:
            end.data_received(bytes(self._buffer))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def sockname(self) -> object:
        """The socket's own address: (host, port) of TCP, a path of a Unix socket."""
        return self._transport.get_extra_info("sockname") if self._transport else None
