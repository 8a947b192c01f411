"""A WebSocket that somebody opened to us, as a stream of bytes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import Self

from websockets.frames import BINARY, CONT, Frame
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from jupyter_continuum.errors import RelayError

CHUNK = 256 * 1024
MOST_BYTES = 4 * CHUNK
"""Of one message; ours have a CHUNK at most."""
CLOSE_SECONDS = 1
NORMAL = 1000


class WebSocket:
    """The side of it that was dialled. ``await WebSocket.accept(...)``; owns its socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.path = ""
        """What it was opened for, as it was asked: hostile."""
        self.last_heard = asyncio.get_running_loop().time()
        self._reader = reader
        self._writer = writer
        # Without extensions: what passes here is ciphertext, and does not get smaller.
        self._protocol = ServerProtocol(max_size=MOST_BYTES)
        self._messages: deque[bytes] = deque()
        self._over = False

    @classmethod
    async def accept(cls, plug: socket.socket, tls: ssl.SSLContext | None) -> Self:
        """Shake hands on a connected socket. RelayError, OSError; the caller sets the time limit.

        A browser is turned away: a page of anybody's may open a WebSocket, and says where
        from. ``plug`` is closed when this fails.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=CHUNK)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, plug, ssl=tls)
        except BaseException:
            plug.close()
            raise
        web = cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        try:
            await web._shake_hands()
        except RelayError:
            await web.close()  # with the answer that was given
            raise
        except BaseException:
            web.abort()
            raise
        return web

    async def receive(self) -> bytes:
        """The next bytes; none when it is over."""
        while not self._messages and not self._over:
            await self._read()
        return self._messages.popleft() if self._messages else b""

    async def send(self, data: bytes) -> None:
        """Send, at most a CHUNK. ConnectionError when it is over."""
        if self._protocol.state is not OPEN:
            raise ConnectionResetError("the WebSocket was closed")
        self._protocol.send_binary(data)
        self._write()
        await self._writer.drain()

    async def close(self) -> None:
        """Say that it ends, and end it; what was sent still goes out."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(NORMAL)
            self._write()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            return  # the other end was gone before
        finally:
            self.abort()

    def abort(self) -> None:
        """End it now; idempotent."""
        self._writer.transport.abort()

    async def _shake_hands(self) -> None:
        while not self.path and not self._over:
            await self._read()
        if self._protocol.state is not OPEN:
            raise RelayError("Somebody opened a connection, and no WebSocket on it.")

    async def _read(self) -> None:
        data = await self._reader.read(CHUNK)
        if data:
            self.last_heard = asyncio.get_running_loop().time()
            self._protocol.receive_data(data)
        else:
            self._over = True
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._answer(event)
            elif isinstance(event, Frame):
                self._take(event)
        if self._protocol.close_expected():
            self._over = True
        self._write()

    def _answer(self, request: Request) -> None:
        self.path = request.path
        if "Origin" in request.headers:
            response = self._protocol.reject(403, "No browser is let in here.\n")
        else:
            response = self._protocol.accept(request)
        self._protocol.send_response(response)

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (BINARY, CONT) and frame.data:
            self._messages.append(bytes(frame.data))

    def _write(self) -> None:
        # Not drained: beside ``send`` it writes pongs and the end, which are small.
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)
