"""Files of this machine, as a site shows and reads them."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from jupyter_continuum.sites.files import MOST, FileEntry, Kind, check_link, no_file


@dataclass(frozen=True, slots=True)
class OpenFile:
    descriptor: int
    size: int
    version: str

    async def read(self, start: int, size: int) -> bytes:
        return await asyncio.to_thread(os.pread, self.descriptor, size, start)


async def list_here(site: str, path: str) -> list[FileEntry]:
    try:
        return await asyncio.to_thread(_entries, _absolute(path))
    except OSError as error:
        raise no_file(site, path, error.strerror or "refused") from error


@asynccontextmanager
async def open_here(site: str, path: str) -> AsyncIterator[OpenFile]:
    try:
        descriptor = await asyncio.to_thread(_open, site, _absolute(path))
    except OSError as error:
        raise no_file(site, path, error.strerror or "refused") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise no_file(site, path, "it is no file")
        yield OpenFile(descriptor, found.st_size, f"{found.st_size} {found.st_mtime_ns}")
    finally:
        os.close(descriptor)


def _absolute(path: str) -> Path:
    return Path.home() / path


def _open(site: str, path: Path) -> int:
    if path.is_symlink():
        check_link(site, str(path), os.path.realpath(path.parent), os.path.realpath(path))
    # A pipe would keep whoever opens it waiting for its other end.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)


def _entries(path: Path) -> list[FileEntry]:
    with os.scandir(path) as entries:
        return [_entry(each) for each in islice(entries, MOST + 1)]


def _entry(entry: os.DirEntry[str]) -> FileEntry:
    found = entry.stat(follow_symlinks=False)
    changed = datetime.fromtimestamp(int(found.st_mtime), UTC)
    kind = kind_of(found.st_mode)
    name = os.fsencode(entry.name).decode(errors="backslashreplace")
    return FileEntry(name, kind, found.st_size if kind == "file" else None, changed)


def kind_of(mode: int) -> Kind:
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "other"
