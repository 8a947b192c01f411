"""The REST face of the broker: every verb authenticated, authorised, and forwarded.

Action and resource are spelled out on each verb: left out, ``authorized`` would keep
those of whichever handler was asked first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado.web import HTTPError, authenticated

from jupyter_continuum.errors import (
    BrokerError,
    CatalogueError,
    ContinuumError,
    PlanRefused,
    RelayError,
    SiteError,
    Unknown,
)

if TYPE_CHECKING:
    from jupyter_continuum.server.app import ContinuumExtension

RESOURCE = "jupyter_continuum"
PATIENCE_SECONDS = 25.0

STATUS: tuple[tuple[type[ContinuumError], int], ...] = (
    (Unknown, 404),
    (PlanRefused, 409),
    (SiteError, 409),
    (RelayError, 409),
    (CatalogueError, 422),
    (BrokerError, 503),
)

NAME = r"(?P<name>[a-z0-9][a-z0-9-]{0,39})"
IDENTIFIER = r"(?P<identifier>[A-Za-z0-9][A-Za-z0-9_-]{0,63})"


def status_of(error: ContinuumError) -> int:
    """The HTTP status that says what kind of error this is."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 400)


class BrokerHandler(ExtensionHandlerMixin, APIHandler):
    """Forwards to the broker; an error of ours becomes ``{"message", "kind"}``."""

    auth_resource = RESOURCE

    @property
    def continuum(self) -> ContinuumExtension:
        return cast("ContinuumExtension", self.extensionapp)

    async def ask(self, method: str, /, **params: Any) -> None:
        """Answer with what the broker answers."""
        try:
            answer = await self.continuum.link.call(method, **params)
        except ContinuumError as error:
            self._refuse(error)
            return
        self._answer(answer)

    async def ask_slowly(self, method: str, /, **params: Any) -> None:
        """Answer 202 when the broker takes its time: the rest comes as events."""
        try:
            answer = await self.continuum.link.call_within(PATIENCE_SECONDS, method, **params)
        except ContinuumError as error:
            self._refuse(error)
            return
        if answer is None:
            self.set_status(202)
        self._answer(answer)

    def body(self, *names: str) -> dict[str, Any]:
        """The request's JSON object, which may hold these names and no other."""
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise HTTPError(400, "The body has to be a JSON object")
        unknown = sorted(set(body) - set(names))
        if unknown:
            raise HTTPError(400, f"Expected {', '.join(names)} and nothing else")
        return body

    def _answer(self, answer: Any) -> None:
        # A list at the top of a JSON answer is refused by tornado.
        self.finish({"result": answer})

    def _refuse(self, error: ContinuumError) -> None:
        self.set_status(status_of(error))
        self.finish({"message": str(error), "kind": type(error).__name__})


class Sites(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        await self.ask("sites", retired=self.get_query_argument("retired", "0") == "1")


class SiteRefresh(BrokerHandler):
    @authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self, name: str) -> None:
        await self.ask_slowly("refresh", site=name)


class SiteProbe(BrokerHandler):
    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def post(self, name: str) -> None:
        await self.ask_slowly("probe", site=name, offer=self.body("offer").get("offer", ""))

    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def delete(self, name: str) -> None:
        await self.ask_slowly("cancel_probe", site=name)


class SiteAssociations(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, name: str) -> None:
        await self.ask("associations", site=name)


class Connect(BrokerHandler):
    @authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self) -> None:
        await self.ask_slowly("connect", profile=self.body("profile").get("profile"))


class Disconnect(BrokerHandler):
    @authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self) -> None:
        await self.ask("disconnect", site=self.body("site").get("site"))


class DryRuns(BrokerHandler):
    @authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self) -> None:
        await self.ask("dry_run", plan=self.body("plan").get("plan"))


class Clusters(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        await self.ask("clusters")

    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def post(self) -> None:
        await self.ask_slowly("launch", plan=self.body("plan").get("plan"))


class Cluster(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, name: str) -> None:
        await self.ask("cluster", name=name)

    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def delete(self, name: str) -> None:
        await self.ask_slowly("stop", name=name)


class ClusterScale(BrokerHandler):
    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def post(self, name: str) -> None:
        body = self.body("group", "jobs")
        await self.ask("scale", name=name, group=body.get("group"), jobs=body.get("jobs"))


class ClusterLogs(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, name: str) -> None:
        lines = self.get_query_argument("lines", "200")
        if not lines.isdecimal() or len(lines) > 5:
            raise HTTPError(400, "lines has to be a number below 100000")
        group = self.get_query_argument("group", "")
        await self.ask("logs", name=name, group=group, lines=int(lines))


class Prompts(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        await self.ask("prompts")


class PromptAnswer(BrokerHandler):
    @authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self, identifier: str) -> None:
        await self.ask("answer", id=identifier, value=self.body("value").get("value"))


class Audit(BrokerHandler):
    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def post(self) -> None:
        body = self.body("site", "end")
        await self.ask_slowly(
            "audit", site=body.get("site", ""), end=body.get("end", False) is True
        )


BASE = "/jupyter-continuum/api"

ROUTES: list[tuple[str, type[BrokerHandler]]] = [
    (f"{BASE}/sites", Sites),
    (f"{BASE}/sites/{NAME}/refresh", SiteRefresh),
    (f"{BASE}/sites/{NAME}/probe", SiteProbe),
    (f"{BASE}/sites/{NAME}/associations", SiteAssociations),
    (f"{BASE}/connect", Connect),
    (f"{BASE}/disconnect", Disconnect),
    (f"{BASE}/plan", DryRuns),
    (f"{BASE}/clusters", Clusters),
    (f"{BASE}/clusters/{NAME}", Cluster),
    (f"{BASE}/clusters/{NAME}/scale", ClusterScale),
    (f"{BASE}/clusters/{NAME}/logs", ClusterLogs),
    (f"{BASE}/prompts", Prompts),
    (f"{BASE}/prompts/{IDENTIFIER}", PromptAnswer),
    (f"{BASE}/audit", Audit),
]
