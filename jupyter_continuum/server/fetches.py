"""Files of sites that come into a folder which the file browser shows, and nowhere else."""

from __future__ import annotations

import posixpath
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_continuum.errors import ContinuumError, Unknown
from jupyter_continuum.server.folders import folder_to_write, may_show, shown_as
from jupyter_continuum.server.handlers import IDENTIFIER, NAME, RESOURCE, BrokerHandler
from jupyter_continuum.server.routes import BASE

View = dict[str, Any]  # FetchView, as the broker sends it


class _OfFetches(BrokerHandler):
    async def shown(self) -> dict[str, View]:
        """By id, those that go to where this server's files are."""
        views = {view["id"]: view for view in await self.link.call("fetches")}
        return {id: view for id, view in views.items() if self.public(view)}

    def public(self, view: View) -> View | None:
        """With the file's path as the Contents API has it."""
        target = shown_as(self.contents_manager, view["target"])
        return None if target is None else view | {"target": target}


class Fetches(_OfFetches):
    @authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        try:
            views = await self.shown()
        except ContinuumError as error:
            self.refuse(error)
            return
        self.answer([self.public(view) for view in views.values()])


class SiteFetch(_OfFetches):
    # A deed with the person's login there, and a file that is written here.
    @authenticated
    @authorized("execute", resource=RESOURCE)
    @authorized("write", resource="contents")
    async def post(self, name: str) -> None:
        body = self.body("path", "folder", "force")
        path, folder = str(body.get("path", "")), str(body.get("folder", ""))
        force = body.get("force", False) is True
        try:
            if not may_show(self.contents_manager, posixpath.basename(path)):
                raise ContinuumError(
                    f"{posixpath.basename(path)} would be hidden here. "
                    "`jupyter continuum fetch` in a terminal brings it."
                )
            to = str(await folder_to_write(self.contents_manager, folder))
            view = await self.link.call(
                "start_fetching", site=name, path=path, destination=to, force=force
            )
        except ContinuumError as error:
            self.refuse(error)
            return
        self.answer(self.public(view))


class Fetch(_OfFetches):
    @authenticated
    @authorized("execute", resource=RESOURCE)
    @authorized("write", resource="contents")
    async def delete(self, identifier: str) -> None:
        try:
            view = (await self.shown()).get(identifier)
            if view is None:
                raise Unknown("This file is not being fetched any more.")
            await self.link.call("stop_fetching", path=view["path"], destination=view["target"])
        except ContinuumError as error:
            self.refuse(error)
            return
        self.answer({})


FETCHES = [
    (f"{BASE}/sites/{NAME}/fetch", SiteFetch),
    (f"{BASE}/fetches", Fetches),
    (f"{BASE}/fetches/{IDENTIFIER}", Fetch),
]
