"""The REST face of the broker: every verb authenticated, authorised, and forwarded.

Action and resource are spelled out on each verb: left out, ``authorized`` would keep
those of whichever handler was asked first.
"""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado.web import HTTPError, authenticated

from jupyter_continuum.server.handlers import IDENTIFIER, NAME, RESOURCE, BrokerHandler


class Sites(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        await self.ask("sites", retired=self.get_query_argument("retired", "0") == "1")


class Ranks(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        await self.ask("rank", by=self.get_query_argument("by"))


class Claims(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        await self.ask("claims", offer=self.get_query_argument("offer"))


class Policies(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        await self.ask("policy")


class SiteRefresh(BrokerHandler):
    @authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self, name: str) -> None:
        await self.ask_slowly("refresh", site=name)


class SiteRenewal(BrokerHandler):
    @authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self, name: str) -> None:
        await self.ask_slowly("renew", site=name)


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


class SiteFiles(BrokerHandler):
    # Reading, and yet a deed: with the person's login, anywhere that it leads to. Whoever may only
    # look is to see no folder outside of the server's own. And a path in a URL would be logged.
    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def post(self, name: str) -> None:
        await self.ask("files", site=name, path=self.body("path").get("path", ""))


class Drafts(BrokerHandler):
    # Reading, and yet a deed: it tells of the person's own SSH configuration.
    @authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self) -> None:
        await self.ask("draft", site=self.body("site").get("site", ""))


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


class Datasets(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        await self.ask("datasets")


class DryRuns(BrokerHandler):
    @authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self) -> None:
        await self.ask("dry_run", **{"plan": None} | self.body("plan", "accept", "foretell"))


class Clusters(BrokerHandler):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        await self.ask("clusters")

    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def post(self) -> None:
        await self.ask_slowly("launch", **{"plan": None} | self.body("plan", "accept"))


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


class ClusterAccess(BrokerHandler):
    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def post(self, name: str) -> None:
        await self.ask_slowly("open_access", name=name)

    @authenticated
    @authorized("execute", resource=RESOURCE)
    async def delete(self, name: str) -> None:
        await self.ask_slowly("end_access", name=name)


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
    (f"{BASE}/sites/{NAME}/renew", SiteRenewal),
    (f"{BASE}/sites/{NAME}/probe", SiteProbe),
    (f"{BASE}/sites/{NAME}/associations", SiteAssociations),
    (f"{BASE}/sites/{NAME}/files", SiteFiles),
    (f"{BASE}/rank", Ranks),
    (f"{BASE}/claims", Claims),
    (f"{BASE}/policy", Policies),
    (f"{BASE}/draft", Drafts),
    (f"{BASE}/connect", Connect),
    (f"{BASE}/disconnect", Disconnect),
    (f"{BASE}/datasets", Datasets),
    (f"{BASE}/plan", DryRuns),
    (f"{BASE}/clusters", Clusters),
    (f"{BASE}/clusters/{NAME}", Cluster),
    (f"{BASE}/clusters/{NAME}/scale", ClusterScale),
    (f"{BASE}/clusters/{NAME}/access", ClusterAccess),
    (f"{BASE}/clusters/{NAME}/logs", ClusterLogs),
    (f"{BASE}/prompts", Prompts),
    (f"{BASE}/prompts/{IDENTIFIER}", PromptAnswer),
    (f"{BASE}/audit", Audit),
]
