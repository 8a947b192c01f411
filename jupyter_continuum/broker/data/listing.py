"""Files of a site, as a face shows them."""

from __future__ import annotations

import posixpath

from jupyter_continuum.broker.messages.datasets import FilesView, FileView
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import SiteError
from jupyter_continuum.sites.files import MOST, FileEntry, HoldsFiles, checked_path, fetchable


def files_of(session: Session) -> HoldsFiles:
    """SiteError where the site shows none."""
    if isinstance(session.transport, HoldsFiles):
        return session.transport
    raise SiteError(
        f"{session.site}: files of pods are neither listed nor fetched, for which its Role would "
        "need exec. Read them with a task of a cluster there."
    )


async def list_files(session: Session, path: str) -> FilesView:
    wanted = checked_path(session.site, path)
    found = await session.attempt(lambda: _found(session, wanted))
    entries = sorted(found[:MOST], key=lambda each: (each.kind != "folder", each.name))
    return FilesView(
        site=session.site,
        path=wanted,
        files=[
            FileView(
                name=one_line(each.name),
                kind=each.kind,
                size=each.size,
                modified=each.modified,
                fetchable=each.kind in ("file", "link") and fetchable(each.name),
                opens=each.kind in ("folder", "link") and fetchable(each.name),
            )
            for each in entries
        ],
        more=len(found) > MOST,
        above=above(wanted),
    )


def above(path: str) -> str | None:
    """The folder that holds ``path``. Where a login would be lies is the site's to know: None."""
    if not path.strip("/."):
        return None
    return posixpath.dirname(path)


async def _found(session: Session, path: str) -> list[FileEntry]:
    return list(await files_of(session).list_files(path))
