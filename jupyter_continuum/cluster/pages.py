"""Worker pages beside the scheduler's own: ``/worker/<name>/<page>``, over the relay."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from distributed.http.scheduler import info
from distributed.http.utils import RequestHandler
from tornado.web import HTTPError

# Dask's pages at ``info/main/…`` go up three times to find their style sheets, which a browser
# forgives at the root of a host and nowhere else.
info.rel_path_statics["rel_path_statics"] = "../.."

ANSWER_SECONDS = 20
_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}(; ?[\w.+-]{1,40}=[\w.+-]{1,40})*")


class WorkerPage(RequestHandler):
    """Asks the worker for one of its pages and passes the answer on."""

    async def get(self, name: str, page: str) -> None:
        address = self.server.aliases.get(name)
        if address is None:
            raise HTTPError(404, reason="No worker of that name")
        query = f"?{self.request.query}" if self.request.query else ""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self.server.rpc(address).http_get(path=f"/{page}{query}")
        except (OSError, TimeoutError) as error:
            raise HTTPError(502, reason="The worker does not answer") from error
        status, kind, body = _checked(answer)
        self.set_status(status)
        self.set_header("Content-Type", kind)
        # A site wrote this page: it must not act in the name of the person's own server.
        self.set_header("Content-Security-Policy", "sandbox; default-src 'self' 'unsafe-inline'")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(body)


def _checked(answer: Any) -> tuple[int, str, bytes]:  # Any: whatever a worker says
    """Status, type and body; HTTPError 502 for what is no page."""
    try:
        status, kind, body = answer["status"], answer["type"], answer["body"]
    except (KeyError, TypeError) as error:
        raise HTTPError(502, reason="The worker sent no page") from error
    if not (isinstance(status, int) and 200 <= status < 600 and isinstance(body, bytes)):
        raise HTTPError(502, reason="The worker sent no page")
    fits = isinstance(kind, str) and _TYPE.fullmatch(kind)
    return status, kind if fits else "text/plain", body


routes: list[tuple[str, type, dict[str, object]]] = [(r"worker/([^/]+)/(.*)", WorkerPage, {})]
