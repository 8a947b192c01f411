"""Worker pages beside the scheduler's own: ``/worker/<name>/<page>``, over the relay."""

from __future__ import annotations

from distributed.http.scheduler import info
from distributed.http.utils import RequestHandler
from tornado.web import HTTPError

# Dask's pages at ``info/main/…`` go up three times to find their style sheets, which a browser
# forgives at the root of a host and nowhere else.
info.rel_path_statics["rel_path_statics"] = "../.."


class WorkerPage(RequestHandler):
    """Asks the worker for one of its pages and passes the answer on."""

    async def get(self, name: str, page: str) -> None:
        address = self.server.aliases.get(name)
        if address is None:
            raise HTTPError(404, reason="No worker of that name")
        query = f"?{self.request.query}" if self.request.query else ""
        try:
            answer = await self.server.rpc(address).http_get(path=f"/{page}{query}")
        except OSError as error:
            raise HTTPError(502, reason="The worker does not answer") from error
        self.set_status(answer["status"])
        self.set_header("Content-Type", answer["type"])
        # A site wrote this page: it must not act in the name of the person's own server.
        self.set_header("Content-Security-Policy", "sandbox; default-src 'self' 'unsafe-inline'")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(answer["body"])


routes: list[tuple[str, type, dict[str, object]]] = [(r"worker/([^/]+)/(.*)", WorkerPage, {})]
