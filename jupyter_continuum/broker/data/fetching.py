"""`fetch`: a file of a site comes here, a piece at a time, and is there whole or not at all."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jupyter_continuum.broker.data.listing import files_of
from jupyter_continuum.broker.data.target import open_part, part_of, put_in_place, target_of
from jupyter_continuum.broker.messages.datasets import FetchedView, FetchState, FetchView
from jupyter_continuum.broker.messages.events import FetchEvent
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.errors import ContinuumError, SiteError, Unknown
from jupyter_continuum.sites.files import RemoteFile, checked_path
from jupyter_continuum.sites.text import clean

PIECE = 4 << 20
"""Bytes asked for at a time; SFTP asks for many parts of it at once."""
TELL_SECONDS = 0.25
KEPT = 20
"""Fetches that have ended are remembered so far, for a face that asks how one did."""
Publish = Callable[[FetchEvent], None]


@dataclass(slots=True)
class Fetch:
    """One file on its way."""

    id: str
    site: str
    path: str
    target: Path
    state: FetchState = "running"
    reason: str = ""
    done: int = 0
    total: int | None = None


class Fetching:
    """What is being fetched, and what was not long ago."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._fetches: dict[str, Fetch] = {}
        self._tasks: dict[Path, asyncio.Task[FetchedView]] = {}

    async def run(self, session: Session, path: str, to: Path, *, force: bool) -> FetchedView:
        """Fetch ``path`` to the file or folder ``to``; what was interrupted goes on."""
        fetch, task = self._begin(session, path, to, force=force)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.cancelled():
            raise SiteError(f"{fetch.site}: fetching {clean(fetch.path)} was stopped.")
        return task.result()

    def start(self, session: Session, path: str, to: Path, *, force: bool) -> FetchView:
        """The same without waiting: how it goes, and how it ends, follows as events."""
        fetch, _ = self._begin(session, path, to, force=force)
        return _view(fetch)

    def views(self) -> list[FetchView]:
        return [_view(fetch) for fetch in self._fetches.values()]

    async def stop(self, to: Path, path: str) -> None:
        """End it; what has come stays for the next time. Unknown when nothing is fetched there."""
        target = to / os.path.basename(path) if to.is_dir() else to
        task = self._tasks.get(target)
        if task is None:
            raise Unknown(f"{target} is not being fetched.")
        task.cancel()
        await asyncio.wait([task])

    async def close(self) -> None:
        for task in (tasks := list(self._tasks.values())):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _begin(
        self, session: Session, path: str, to: Path, *, force: bool
    ) -> tuple[Fetch, asyncio.Task[FetchedView]]:
        wanted = checked_path(session.site, path)
        target = target_of(wanted, to, force=force)
        if target in self._tasks:
            raise ContinuumError(f"{target} is being fetched already. Wait for it.")
        fetch = Fetch(secrets.token_hex(6), session.site, wanted, target)
        work = self._fetch(session, fetch, force=force)
        task = self._tasks[target] = asyncio.create_task(work, name=f"fetch {target.name}")
        self._fetches[fetch.id] = fetch
        task.add_done_callback(lambda task: self._ended(fetch, task))
        self._tell(fetch)
        return fetch, task

    def _ended(self, fetch: Fetch, task: asyncio.Task[FetchedView]) -> None:
        del self._tasks[fetch.target]
        if task.cancelled():
            fetch.state = "stopped"
        elif (error := task.exception()) is None:
            fetch.state = "done"
        else:
            fetch.state, fetch.reason = "failed", _sentence(error)
        ended = [each.id for each in self._fetches.values() if each.state != "running"]
        for id in ended[:-KEPT]:
            del self._fetches[id]
        self._tell(fetch)

    async def _fetch(self, session: Session, fetch: Fetch, *, force: bool) -> FetchedView:
        path, target = fetch.path, fetch.target
        await session.connect()
        async with files_of(session).open_file(path) as file:
            part = part_of(target, f"{session.site}\0{path}\0{file.version}")
            descriptor = await asyncio.to_thread(open_part, part)
            try:
                kept = min(os.fstat(descriptor).st_size, file.size)
                os.ftruncate(descriptor, kept)
                fetch.done, fetch.total = kept, file.size
                await self._copy(fetch, file, descriptor)
            finally:
                os.close(descriptor)
        async with files_of(session).open_file(path) as again:
            if again.version != file.version:
                part.unlink(missing_ok=True)
                raise SiteError(
                    f"{session.site}: {clean(path)} changed while it was fetched, and nothing was "
                    "kept. Fetch it again once nobody writes to it."
                )
        await asyncio.to_thread(put_in_place, part, target, force=force)
        return FetchedView(site=session.site, path=str(target), bytes=file.size, resumed=kept)

    async def _copy(self, fetch: Fetch, file: RemoteFile, descriptor: int) -> None:
        told = 0.0
        while fetch.done < file.size:
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                self._tell(fetch)
            data = await file.read(fetch.done, min(PIECE, file.size - fetch.done))
            if not data:
                raise SiteError(
                    f"{fetch.site}: {clean(fetch.path)} became shorter. Fetch it again."
                )
            await asyncio.to_thread(os.pwrite, descriptor, data, fetch.done)
            fetch.done += len(data)
        self._tell(fetch)

    def _tell(self, fetch: Fetch) -> None:
        self._publish(
            FetchEvent(
                id=fetch.id,
                name=str(fetch.target),
                state=fetch.state,
                done=fetch.done,
                total=fetch.total,
            )
        )


def _view(fetch: Fetch) -> FetchView:
    return FetchView(
        id=fetch.id,
        site=fetch.site,
        path=fetch.path,
        target=str(fetch.target),
        state=fetch.state,
        reason=fetch.reason,
        done=fetch.done,
        total=fetch.total,
    )


def _sentence(error: BaseException) -> str:
    if isinstance(error, ContinuumError):
        return str(error)
    if isinstance(error, OSError):
        return f"It cannot be written here ({error.strerror}). Fetch it to another folder."
    traceback.print_exception(error)
    return f"The broker failed at this ({type(error).__name__}). Its log says more."
