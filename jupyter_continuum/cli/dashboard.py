"""``dashboard``: Dask's pages of a cluster in a browser, where no Jupyter server shows them."""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
from argparse import Namespace
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.terminal import say
from jupyter_continuum.server.relayed import SOCKETS, PageRelay, SocketRelay

_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")


class Guest:
    """Who may look: whoever opens the address first, and then that browser alone.

    Everybody on this machine can dial the port. A browser sends a cookie to every port of a
    host, so this one is bound to a path that nobody else knows.
    """

    def __init__(self, server: Path) -> None:
        self.server = server
        self.folder = f"/{secrets.token_urlsafe(16)}"
        self.token = secrets.token_urlsafe(32)
        """Good for one visit; "" afterwards."""
        self._cookie = secrets.token_urlsafe(32)

    def welcome(self, token: str) -> str:
        """The cookie for who has the token. HTTPError 403 for anybody else, and afterwards."""
        if not self.token or not hmac.compare_digest(token.encode(), self.token.encode()):
            raise HTTPError(403)
        self.token = ""
        return self._cookie

    def check(self, handler: RequestHandler) -> None:
        """HTTPError 403 unless the request comes from that browser, for this host."""
        check_host(handler)
        shown = handler.get_cookie("continuum") or ""
        if not hmac.compare_digest(shown.encode(), self._cookie.encode()):
            raise HTTPError(403)


def check_host(handler: RequestHandler) -> None:
    """HTTPError 403 for a name that somebody else may have pointed at this machine."""
    if not _HOST.fullmatch(handler.request.host):
        raise HTTPError(403)


class Entrance(RequestHandler):
    def initialize(self, guest: Guest) -> None:
        self._guest = guest

    def get(self) -> None:
        check_host(self)
        cookie = self._guest.welcome(self.get_query_argument("token", ""))
        self.set_cookie(
            "continuum", cookie, path=self._guest.folder, httponly=True, samesite="Strict"
        )
        # Not a redirect: a browser would send no strict cookie after coming from elsewhere.
        self.set_header("Content-Security-Policy", "default-src 'none'")
        self.set_header("Referrer-Policy", "no-referrer")
        goal = f"0;url={self._guest.folder}/status"
        self.finish(f'<!doctype html><meta http-equiv="refresh" content="{goal}">')


class Page(PageRelay):
    def initialize(self, guest: Guest) -> None:
        self._guest = guest

    async def get(self, path: str) -> None:
        self._guest.check(self)
        await self.pass_on(self._guest.server, path or "status", prefix=self._guest.folder)


class Socket(SocketRelay):
    def initialize(self, guest: Guest) -> None:
        self._guest = guest

    async def get(self, path: str) -> None:
        self._guest.check(self)
        await super().get(path)

    async def open(self, path: str) -> None:
        await self.join(self._guest.server, path)


def application(guest: Guest) -> Application:
    """The pages behind ``guest``."""
    own = {"guest": guest}
    return Application(
        [
            (r"/", Entrance, own),
            (rf"{guest.folder}/({SOCKETS})", Socket, own),
            (rf"{guest.folder}/(.*)", Page, own),
        ],
        log_function=lambda _: None,
    )


def dashboard(options: Namespace) -> int:
    found = call_broker("dashboard", name=options.name)
    asyncio.run(_serve(Guest(Path(found["socket"])), options.name, options.port))
    return 0


async def _serve(guest: Guest, name: str, port: int) -> None:
    sockets = bind_sockets(port, "127.0.0.1")
    server = HTTPServer(application(guest))
    server.add_sockets(sockets)
    try:
        address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/?token={guest.token}"
        say(f"The dashboard of {name}, for the first browser that opens this address:\n{address}")
        say("Ctrl-C ends it; the cluster goes on.")
        await asyncio.Event().wait()
    finally:
        server.stop()
        await server.close_all_connections()
