"""HTTP on a Unix socket in a private folder: no other user of the machine can open it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distributed.http.routing import RoutingApplication
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket


def serve(routes: Any, path: Path) -> tuple[RoutingApplication, HTTPServer]:
    """Serve ``routes`` (as distributed's ``get_handlers`` makes them) at ``path``, 0600."""
    application = RoutingApplication(routes)
    server = HTTPServer(application)
    server.add_socket(bind_unix_socket(str(path), mode=0o600))
    return application, server
