"""A sweep's folder, for who watches it. The broker has no part in it: these are files.

Whoever may read files by the Contents API may read this, and of the same files.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError, authenticated

from jupyter_continuum.errors import ContinuumError, RunError
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
            folder = await self._folder(self.get_query_argument("path"))
            view = await asyncio.to_thread(look, folder, since=since)
        except ContinuumError as error:
            self.refuse(error)
            return
        self.answer(view.model_dump())

    async def _folder(self, path: str) -> Path:
        """Where a folder of the file browser is. HTTPError 404 outside of what it shows."""
        contents = self.contents_manager
        if not isinstance(contents, FileContentsManager):
            raise RunError("This Jupyter server's files are not on its disk: no sweep is there.")
        parts = [part for part in path.split("/") if part]
        if "\0" in path or "\\" in path or {".", ".."} & set(parts):
            raise HTTPError(404)
        hidden: Any = contents.is_hidden("/".join(parts))  # type: ignore[no-untyped-call]
        if not contents.allow_hidden and await ensure_async(hidden):
            raise HTTPError(404)
        return Path(contents.root_dir, *parts)


SWEEPS = [(f"{BASE}/sweep", Sweep)]
