"""A way for agents that dial out, through this Jupyter server's public path to the front door.

An agent has no token of this server and needs none: nothing is done here for who comes, and the
front door has a stranger prove itself before anything is held for it, gives it seconds, and bounds
how many there are. It is open only while the person has configured an address behind a proxy. A
browser is turned away whatever it holds: no page, of this server or another, has business here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyter_continuum.broker.start import front_door_path

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MOST_BYTES = 2**20
"""Of one message; an agent's have a quarter of it."""
OF_BROWSERS = ("Origin", "Sec-WebSocket-Origin", "Sec-Fetch-Site", "Cookie")
PING_SECONDS = 20
"""The front door gives up what says nothing for a minute."""


class Passage(WebSocketHandler):
    """One agent's WebSocket, tied to one at the front door."""

    front: ClientConnection | None = None
    outward: asyncio.Task[None] | None = None

    @allow_unauthenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        # Not left to check_origin, which is not asked about a page of this server's own.
        if any(header in self.request.headers for header in OF_BROWSERS):
            raise HTTPError(403)
        if not front_door_path().exists():
            raise HTTPError(404)
        await super().get(*args, **kwargs)

    @property
    def max_message_size(self) -> int:
        return MOST_BYTES

    async def open(self, cluster: str, agent: str) -> None:
        from websockets.asyncio.client import unix_connect
        from websockets.exceptions import WebSocketException

        try:
            self.front = await unix_connect(
                str(front_door_path()),
                f"ws://front-door/link/{cluster}/{agent}",
                compression=None,
                ping_interval=PING_SECONDS,
                close_timeout=1,
                max_size=MOST_BYTES,
                write_limit=MOST_BYTES,
            )
        except (OSError, TimeoutError, WebSocketException):
            self.close()  # the broker has ended, or is crowded: the agent dials again
            return
        self.outward = asyncio.create_task(self._outward(self.front))

    async def on_message(self, message: str | bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        if self.front is None or isinstance(message, str):
            self.close()
            return
        try:
            await self.front.send(message)
        except ConnectionClosed:
            self.close()

    def on_close(self) -> None:
        if self.outward is not None:
            self.outward.cancel()
        if self.front is not None:
            self.front.transport.abort()

    async def _outward(self, front: ClientConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                await self.write_message(await front.recv(decode=False), binary=True)
        except (ConnectionClosed, WebSocketClosedError):
            self.close()


PASSAGE = [
    (r"/jupyter-continuum/link/([0-9a-f]{6})/([a-z0-9-]{1,40}\.[0-9a-f]{8})", Passage),
]
