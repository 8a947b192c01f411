"""Which folders of this machine the Contents API shows, and what a file in them is called there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from jupyter_continuum.errors import ContinuumError, Unknown


async def folder_of(contents: object, path: str) -> Path:
    """Where a folder of the file browser is. HTTPError 404 outside of what it shows."""
    root = _on_disk(contents)
    parts = [part for part in path.split("/") if part]
    if "\0" in path or "\\" in path or {".", ".."} & set(parts):
        raise HTTPError(404)
    hidden: Any = root.is_hidden("/".join(parts))  # type: ignore[no-untyped-call]
    if not root.allow_hidden and await ensure_async(hidden):
        raise HTTPError(404)
    return Path(root.root_dir, *parts)


async def folder_to_write(contents: object, path: str) -> Path:
    """The same, where no link leads out of what Jupyter serves."""
    folder = Path(os.path.realpath(await folder_of(contents, path)))
    root = os.path.realpath(_on_disk(contents).root_dir)
    if not folder.is_relative_to(root):
        raise ContinuumError(
            f"{path} is a link out of the folder that Jupyter serves. Choose another folder."
        )
    if not folder.is_dir():
        raise Unknown(f"There is no folder {path} here. Choose another in the file browser.")
    return folder


def shown_as(contents: object, file: str) -> str | None:
    """What the Contents API calls a file of this machine; None where it shows none of that name."""
    if not isinstance(contents, FileContentsManager):
        return None
    root = os.path.realpath(contents.root_dir)
    if not Path(file).is_relative_to(root):
        return None
    return Path(file).relative_to(root).as_posix()


def may_show(contents: object, name: str) -> bool:
    """Whether the file browser may show a file of that name."""
    return _on_disk(contents).allow_hidden or not name.startswith(".")


def _on_disk(contents: object) -> FileContentsManager:
    if isinstance(contents, FileContentsManager):
        return contents
    raise ContinuumError("This Jupyter server's files are not on its disk.")
