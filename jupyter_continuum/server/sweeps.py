"""A sweep's folder, for who watches it. The broker has no part in it: these are files.

Whoever may read files by the Contents API may read this, and of the same files.
"""

from __future__ import annotations

import asyncio
import re

from jupyter_server.auth.decorator import authorized
from tornado.web import HTTPError, authenticated

from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.server.folders import folder_of
from jupyter_continuum.server.handlers import JsonHandler
from jupyter_continuum.server.routes import BASE

SINCE = re.compile(r"\d{0,20}", re.ASCII)


class Sweep(JsonHandler):
    @authenticated
    @authorized("read", resource="contents")
    async def get(self) -> None:
        from jupyter_continuum.runs.sweep.view import look

        since = self.get_query_argument("since", "")
        if not SINCE.fullmatch(since):
            raise HTTPError(400, "since has to be what an earlier answer said")
        try:
            folder = await folder_of(self.contents_manager, self.get_query_argument("path"))
            view = await asyncio.to_thread(look, folder, since=since)
        except ContinuumError as error:
            self.refuse(error)
            return
        self.answer(view.model_dump())


SWEEPS = [(f"{BASE}/sweep", Sweep)]
