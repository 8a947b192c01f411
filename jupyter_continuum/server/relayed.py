"""Pages of a server that listens on a Unix socket, passed on to a browser that may see them.

Whoever inherits these decides who may: a Jupyter server by its own login, the command line by
a token of its own. What proves that to us is never passed on.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.netutil import Resolver
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketHandler,
    websocket_connect,
)

SECONDS = 60
"""How long a page may take: a worker at a site is asked for its own."""
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
HOST = "dashboard"
"""The host that the pages are asked for; theirs are relative links alone."""

ASKED = ("Accept", "Accept-Encoding", "Accept-Language", "If-None-Match", "If-Modified-Since")
ANSWERED = (
    "Cache-Control",
    "Content-Encoding",
    "Content-Type",
    "Etag",
    "Last-Modified",
    "Vary",
    "X-Content-Type-Options",
)
"""Headers that cross; all others stay on their side, cookies and tokens first of all."""

# Dask's pages run Bokeh, which makes functions of text, and take a style sheet from this host.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline' https://cdnjs.cloudflare.com; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
OWN_PARAMETERS = ("token", "_xsrf")
"""Of the browser's way to us, in a query."""

SOCKETS = r"(?:[^?#]*/)?ws|eventstream"
"""Paths of a dashboard that are WebSockets: Bokeh's, and Dask's own."""


class UnixResolver(Resolver):
    """Every host is the same Unix socket."""

    def initialize(self, path: Path) -> None:
        self._path = str(path)

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:  # whatever a socket's address is
        return [(socket.AF_UNIX, self._path)]


async def fetch(path: Path, target: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Ask the server at the Unix socket ``path`` for ``target``. OSError, HTTPClientError (599)."""
    client = SimpleAsyncHTTPClient(force_instance=True, resolver=UnixResolver(path=path))
    try:
        request = HTTPRequest(
            f"http://{HOST}/{target}",
            headers=picked(headers, ASKED),
            follow_redirects=False,
            decompress_response=False,
            connect_timeout=SECONDS,
            request_timeout=SECONDS,
        )
        return await client.fetch(request, raise_error=False)
    finally:
        client.close()


def picked(headers: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Those of ``headers`` that may cross."""
    return {name: headers[name] for name in names if name in headers}


def target_of(path: str, query: str) -> str:
    """What to ask for, where ``path`` has been decoded. Our own parameters stay here."""
    kept = [pair for pair in parse_qsl(query, True) if pair[0] not in OWN_PARAMETERS]
    return quote(path) + (f"?{urlencode(kept)}" if kept else "")


def location_under(prefix: str, location: str) -> str:
    """Where a redirect leads for a browser that sees the server's root at ``prefix``."""
    if location.startswith("//") or not re.fullmatch(r"[\w./?=&%-]*", location):
        return ""
    return prefix.rstrip("/") + location if location.startswith("/") else location


class PageRelay(RequestHandler):
    """Passes a page on."""

    async def pass_on(self, server: Path, path: str, *, prefix: str) -> None:
        """Answer with page ``path`` of ``server``, whose root the browser sees at ``prefix``."""
        target = target_of(path, self.request.query)
        try:
            answer = await fetch(server, target, self.request.headers)
        except OSError as error:
            raise HTTPError(502, reason="The scheduler shows no pages") from error
        if answer.code == 599:
            raise HTTPError(502, reason="The scheduler does not answer")
        self.set_status(answer.code)
        for name, value in picked(answer.headers, ANSWERED).items():
            self.set_header(name, value)
        if "Location" in answer.headers:
            self.set_header("Location", location_under(prefix, answer.headers["Location"]))
        policy = answer.headers.get("Content-Security-Policy", POLICY)
        self.set_header("Content-Security-Policy", policy)
        self.set_header("Referrer-Policy", "same-origin")
        await self.finish(answer.body if answer.code not in (204, 304) else None)


class SocketRelay(WebSocketHandler):
    """Passes the messages of a WebSocket on, both ways."""

    _beyond: WebSocketClientConnection | None = None

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        # Bokeh's second one is not a protocol: it is the session's token.
        self._protocols = subprotocols
        return "bokeh" if "bokeh" in subprotocols else None

    async def join(self, server: Path, path: str) -> None:
        """Go on as WebSocket ``path`` of ``server``."""
        target = target_of(path, self.request.query)
        try:
            self._beyond = await websocket_connect(
                HTTPRequest(f"ws://{HOST}/{target}", connect_timeout=SECONDS),
                on_message_callback=self._came_back,
                max_message_size=MAX_MESSAGE_BYTES,
                subprotocols=getattr(self, "_protocols", None),
                resolver=UnixResolver(path=server),
            )
        except (OSError, HTTPClientError):
            self.close(1011, "The scheduler shows no pages")
            return
        if self.ws_connection is None:  # the browser went away meanwhile
            self._beyond.close()

    async def on_message(self, message: str | bytes) -> None:
        if self._beyond is not None:
            try:
                await self._beyond.write_message(message, binary=isinstance(message, bytes))
            except WebSocketClosedError:
                self.close(1001)

    def on_close(self) -> None:
        if self._beyond is not None:
            self._beyond.close()

    def _came_back(self, message: str | bytes | None) -> None:
        if message is None:
            self.close(1001)
            return
        try:
            self.write_message(message, binary=isinstance(message, bytes))
        except WebSocketClosedError:
            self.on_close()
