"""Dask's pages of a cluster in the person's own Jupyter: behind its login, under its address."""

from __future__ import annotations

from pathlib import Path

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError, authenticated

from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.server.handlers import NAME, RESOURCE, OfExtension, status_of
from jupyter_continuum.server.relayed import SOCKETS, PageRelay, SocketRelay

PAGES = rf"/jupyter-continuum/clusters/{NAME}/dashboard"


class _OfCluster(OfExtension):
    """Knows where the pages of a cluster are."""

    async def socket_of(self, name: str) -> Path:
        try:
            answer = await self.link.call("dashboard", name=name)
        except ContinuumError as error:
            raise HTTPError(status_of(error), str(error)) from error
        return Path(answer["socket"])


class DashboardRoot(JupyterHandler):
    """The address without a page."""

    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, name: str) -> None:
        self.redirect(self.request.path.rstrip("/") + "/status")


class DashboardPage(_OfCluster, JupyterHandler, PageRelay):
    """One page, script or style. There is no other verb than to look."""

    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, name: str, path: str) -> None:
        self._refuse_other_sites()
        prefix = f"{self.base_url}jupyter-continuum/clusters/{name}/dashboard"
        await self.pass_on(await self.socket_of(name), path, prefix=prefix)

    def _refuse_other_sites(self) -> None:
        """A page of another site may link here, and neither read nor embed what is here."""
        asked = self.request.headers
        is_visit = asked.get("Sec-Fetch-Mode", "navigate") == "navigate"
        is_framed = asked.get("Sec-Fetch-Dest", "document") != "document"
        if asked.get("Sec-Fetch-Site") == "cross-site" and (is_framed or not is_visit):
            raise HTTPError(403, "Asked for by a page of another site")
        if not self.check_origin():
            raise HTTPError(403, "Asked for by a page of another site")


class DashboardSocket(_OfCluster, WebSocketMixin, JupyterHandler, SocketRelay):
    """What keeps a page up to date."""

    def set_default_headers(self) -> None:
        """Those of a page make no sense here."""

    @ws_authenticated
    async def get(self, name: str, path: str) -> None:
        allowed = self.authorizer.is_authorized(self, self.current_user, "read", RESOURCE)
        if not await ensure_async(allowed):
            raise HTTPError(403)
        self._server = await self.socket_of(name)
        await super().get(name, path)

    async def open(self, name: str, path: str) -> None:
        super().open(name, path)  # the mixin keeps the pipe alive
        await self.join(self._server, path)


DASHBOARD = [
    (f"{PAGES}/?", DashboardRoot),
    (rf"{PAGES}/(?P<path>{SOCKETS})", DashboardSocket),
    (rf"{PAGES}/(?P<path>.+)", DashboardPage),
]
