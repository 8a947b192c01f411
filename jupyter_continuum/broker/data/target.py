"""Where a fetched file goes here: its name, the part it grows as, how it is put in place."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from jupyter_continuum.errors import AlreadyHere, ContinuumError
from jupyter_continuum.sites.files import fetchable


def target_of(path: str, to: Path, *, force: bool) -> Path:
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
        raise AlreadyHere(f"{target} is there already. --force (force=True) replaces it.")
    return target


def part_of(target: Path, what: str) -> Path:
    """Where it grows: of this version of this file. Parts of others that never came are removed."""
    digest = hashlib.sha256(what.encode(errors="replace")).hexdigest()[:12]
    part = target.with_name(f"{target.name}.{digest}.part")
    for other in target.parent.iterdir():
        middle = other.name.removeprefix(f"{target.name}.").removesuffix(".part")
        old = other.name == f"{target.name}.{middle}.part" and len(middle) == len(digest)
        if old and other != part and set(middle) <= set("0123456789abcdef"):
            other.unlink()
    return part


def open_part(part: Path) -> int:
    return os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def put_in_place(part: Path, target: Path, *, force: bool) -> None:
    if force:
        os.replace(part, target)
        return
    try:
        os.link(part, target)  # never over another file, as a rename would be
    except FileExistsError:
        raise AlreadyHere(
            f"{target} has come to be meanwhile. --force (force=True) replaces it."
        ) from None
    except OSError:  # a file system without such links
        if os.path.lexists(target):
            raise AlreadyHere(f"{target} is there already. Use --force.") from None
        os.replace(part, target)
        return
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
