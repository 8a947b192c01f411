"""`fetch`: a file of a site comes here, a piece at a time, and is there whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from jupyter_continuum.broker.data.listing import files_of
from jupyter_continuum.broker.messages.datasets import FetchedView
from jupyter_continuum.broker.messages.events import FetchEvent
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.errors import ContinuumError, SiteError, Unknown
from jupyter_continuum.sites.files import RemoteFile, checked_path, fetchable
from jupyter_continuum.sites.text import clean

PIECE = 4 << 20
"""Bytes asked for at a time; SFTP asks for many parts of it at once."""
TELL_SECONDS = 0.25
Publish = Callable[[FetchEvent], None]


class Fetching:
    """What is being fetched, by where it goes."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._tasks: dict[Path, asyncio.Task[FetchedView]] = {}

    async def run(self, session: Session, path: str, to: Path, *, force: bool) -> FetchedView:
        """Fetch ``path`` to the file or folder ``to``; what was interrupted goes on."""
        wanted = checked_path(session.site, path)
        target = _target(wanted, to, force=force)
        if target in self._tasks:
            raise ContinuumError(f"{target} is being fetched already. Wait for it.")
        work = self._fetch(session, wanted, target, force=force)
        task = self._tasks[target] = asyncio.create_task(work, name=f"fetch {target.name}")
        task.add_done_callback(lambda _: self._tasks.pop(target))
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.cancelled():
            raise SiteError(f"{session.site}: fetching {clean(wanted)} was stopped.")
        return task.result()

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

    async def _fetch(
        self, session: Session, path: str, target: Path, *, force: bool
    ) -> FetchedView:
        await session.connect()
        async with files_of(session).open_file(path) as file:
            part = _part(target, f"{session.site}\0{path}\0{file.version}")
            descriptor = await asyncio.to_thread(_open_part, part)
            try:
                kept = min(os.fstat(descriptor).st_size, file.size)
                os.ftruncate(descriptor, kept)
                await self._copy(session.site, path, file, descriptor, kept, target)
            finally:
                os.close(descriptor)
        async with files_of(session).open_file(path) as again:
            if again.version != file.version:
                part.unlink(missing_ok=True)
                raise SiteError(
                    f"{session.site}: {clean(path)} changed while it was fetched, and nothing was "
                    "kept. Fetch it again once nobody writes to it."
                )
        await asyncio.to_thread(_put_in_place, part, target, force=force)
        return FetchedView(site=session.site, path=str(target), bytes=file.size, resumed=kept)

    async def _copy(
        self, site: str, path: str, file: RemoteFile, descriptor: int, start: int, target: Path
    ) -> None:
        done, told = start, 0.0
        while done < file.size:
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                self._publish(FetchEvent(name=str(target), done=done, total=file.size))
            data = await file.read(done, min(PIECE, file.size - done))
            if not data:
                raise SiteError(f"{site}: {clean(path)} became shorter. Fetch it again.")
            await asyncio.to_thread(os.pwrite, descriptor, data, done)
            done += len(data)
        self._publish(FetchEvent(name=str(target), done=done, total=file.size))


def _target(path: str, to: Path, *, force: bool) -> Path:
    """The file that is to be; ContinuumError says why it cannot."""
    name = os.path.basename(path)
    if not fetchable(name):
        raise ContinuumError("Which file? `jupyter continuum files SITE FOLDER` lists them.")
    target = to / name if to.is_dir() else to
    if not target.is_absolute() or not target.parent.is_dir():
        raise ContinuumError(f"{target.parent} is no folder here. Make it first.")
    if target.is_dir():
        raise ContinuumError(f"{target} is a folder. Name another file.")
    if os.path.lexists(target) and not force:
        raise ContinuumError(f"{target} is there already. --force (force=True) replaces it.")
    return target


def _part(target: Path, what: str) -> Path:
    """Where it grows: of this version of this file. Parts of others that never came are removed."""
    digest = hashlib.sha256(what.encode(errors="replace")).hexdigest()[:12]
    part = target.with_name(f"{target.name}.{digest}.part")
    for other in target.parent.iterdir():
        middle = other.name.removeprefix(f"{target.name}.").removesuffix(".part")
        old = other.name == f"{target.name}.{middle}.part" and len(middle) == len(digest)
        if old and other != part and set(middle) <= set("0123456789abcdef"):
            other.unlink()
    return part


def _open_part(part: Path) -> int:
    return os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def _put_in_place(part: Path, target: Path, *, force: bool) -> None:
    if force:
        os.replace(part, target)
        return
    try:
        os.link(part, target)  # never over another file, as a rename would be
    except FileExistsError:
        raise ContinuumError(
            f"{target} has come to be meanwhile. --force (force=True) replaces it."
        ) from None
    except OSError:  # a file system without such links
        if os.path.lexists(target):
            raise ContinuumError(f"{target} is there already. Use --force.") from None
        os.replace(part, target)
        return
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
