"""HTTP on a Unix socket in a private folder: no other user of the machine can open it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from distributed.http.routing import RoutingApplication
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.netutil import bind_unix_socket
from tornado.web import ErrorHandler

Load = Callable[[], Awaitable[None]]

LISTING = "/individual-plots.json"
"""A route of distributed's own that tells which plots there are."""


class Pages(RoutingApplication):
    """distributed's routes, and more of them that are loaded when they are first asked for."""

    def __init__(self, routes: Any, load: Load) -> None:
        super().__init__(routes)  # type: ignore[no-untyped-call]
        self._load = load
        self._loading: asyncio.Future[None] | None = None

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        handler = super().find_handler(request, **kwargs)
        if self._loading is not None and self._loading.done():
            return handler
        known = handler is not None and not issubclass(handler.handler_class, ErrorHandler)
        return handler if known and request.path != LISTING else _Later(self, request)

    async def load(self) -> None:
        if self._loading is None:
            self._loading = asyncio.ensure_future(self._load())
        await asyncio.shield(self._loading)


class _Later(HTTPMessageDelegate):
    """A request that waits for the rest of the routes, and is answered by them."""

    def __init__(self, pages: Pages, request: HTTPServerRequest) -> None:
        self._pages = pages
        self._request = request
        self._head: tuple[Any, Any] | None = None
        self._chunks: list[bytes] = []
        self._answer: asyncio.Future[None] | None = None

    def headers_received(self, start_line: Any, headers: Any) -> None:
        self._head = (start_line, headers)

    def data_received(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def finish(self) -> None:
        self._answer = asyncio.ensure_future(self._go_on())

    def on_connection_close(self) -> None:
        if self._answer is not None:
            self._answer.cancel()

    async def _go_on(self) -> None:
        assert self._head is not None
        await self._pages.load()
        handler = self._pages.find_handler(self._request)
        handler.headers_received(*self._head)
        for chunk in self._chunks:
            handler.data_received(chunk)
        handler.finish()


def serve(
    routes: Any, path: Path, load: Load | None = None
) -> tuple[RoutingApplication, HTTPServer]:
    """Serve ``routes`` (as distributed's ``get_handlers`` makes them) at ``path``, 0600.

    ``load`` adds others to the application, the first time that one of them is asked for.
    """
    application = Pages(routes, load) if load else RoutingApplication(routes)
    server = HTTPServer(application)
    server.add_socket(bind_unix_socket(str(path), mode=0o600))
    return application, server
