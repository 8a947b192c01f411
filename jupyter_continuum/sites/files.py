"""Files at a site: what a Transport that can show and read them gives, and which paths it takes."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from jupyter_continuum.errors import SiteError
from jupyter_continuum.sites.text import clean

MOST = 2000
"""Entries of a folder that are listed."""
LONGEST = 4096

Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One entry of a folder. Its name is the site's: hostile until it is checked."""

    name: str
    kind: Kind
    size: int | None = None
    modified: datetime | None = None


class RemoteFile(Protocol):
    """An open file at a site."""

    @property
    def size(self) -> int: ...

    @property
    def version(self) -> str:
        """Tells this content from what stood there before or will: size and time of change."""

    async def read(self, start: int, size: int) -> bytes:
        """Up to ``size`` bytes; none at the end."""


@runtime_checkable
class HoldsFiles(Protocol):
    """A Transport that shows and reads files. Both raise SiteError."""

    async def list_files(self, path: str) -> Sequence[FileEntry]:
        """Of a folder, at most MOST and one more; "" is where a login would be."""

    def open_file(self, path: str) -> AbstractAsyncContextManager[RemoteFile]:
        """A regular file, or a link to one that lies below the link's own folder."""


def checked_path(site: str, path: str) -> str:
    """``path`` without ``~/`` and doubled slashes. SiteError for what no person means."""
    if len(path) > LONGEST or not path.isprintable():
        raise SiteError(f"{site}: a path is at most {LONGEST} printable signs. Check it.")
    path = path.removeprefix("~/") if path != "~" else ""
    if ".." in path.split("/"):
        raise SiteError(f"{site}: {clean(path)} goes up by `..`. Give the path itself.")
    return posixpath.normpath(path) if path else ""


def fetchable(name: str) -> bool:
    """Whether a name that a site gave can be one of a file here."""
    return name.isprintable() and "/" not in name and name not in ("", ".", "..")


def check_link(site: str, path: str, folder: str, real: str) -> None:
    """SiteError when the link ``path`` leads out of the folder it lies in, ``folder``."""
    if not real.startswith(folder.rstrip("/") + "/"):
        raise SiteError(
            f"{site}: {clean(path)} is a link out of its folder, to {clean(real)}. "
            "Fetch that if you mean it."
        )


def no_file(site: str, path: str, why: str) -> SiteError:
    return SiteError(f"{site}: {clean(path) or 'the home folder'} cannot be read ({clean(why)}).")
