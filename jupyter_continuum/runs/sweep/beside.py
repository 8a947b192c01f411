"""Files that lie beside a notebook, and go with it to a site."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.notebook import listed

LARGEST_BYTES = 32 * 2**20
"""Of all files: each worker gets them."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What goes along, each file at its place relative to the notebook."""

    archive: bytes = field(default=b"", repr=False)
    """A zip; empty for none."""
    names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Of folders that were named: what is hidden, a link, or a virtual environment."""

    @property
    def modules(self) -> set[str]:
        """What of it `import` finds."""
        return {name.partition("/")[0].removesuffix(".py") for name in self.names}


def packed(paths: Sequence[str], folder: Path) -> Beside:
    """Files and whole folders that lie in the notebook's ``folder``. RunError for others."""
    left_out: list[str] = []
    files: dict[str, Path] = {}
    for path in paths:
        root = _root(path, folder)
        for file in _files(root, left_out):
            files[file.relative_to(folder).as_posix()] = file
    buffer = io.BytesIO()
    try:
        _check_size(files.values())
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for name, file in sorted(files.items()):
                archive.write(file, name)
    except OSError as error:
        raise RunError(
            f"--with: {error.filename} cannot be read: {error.strerror}. Make it readable."
        ) from error
    return Beside(buffer.getvalue() if files else b"", tuple(sorted(files)), tuple(left_out))


def unpack(archive: bytes, folder: Path) -> None:
    folder.mkdir()
    if archive:
        with zipfile.ZipFile(io.BytesIO(archive)) as found:
            found.extractall(folder)


def _root(path: str, folder: Path) -> Path:
    root = Path(path).expanduser().resolve()
    if not root.exists():
        there = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
        near = listed(root.name, there[:20])
        raise RunError(f"--with {path}: there is no such file. Beside the notebook lie: {near}.")
    if not root.is_relative_to(folder) or root == folder:
        raise RunError(
            f"--with {path}: files keep their place relative to the notebook, so it has to lie "
            f"in {folder}. Move it there, or name what is in there."
        )
    return root


def _files(root: Path, left_out: list[str]) -> Iterator[Path]:
    from jupyter_continuum.cluster.code import within

    try:
        yield from within(root, left_out)
    except OSError as error:
        raise RunError(
            f"--with {root}: {error.filename} cannot be read: {error.strerror}. Make it readable."
        ) from error


def _check_size(files: Iterable[Path]) -> None:
    total = 0
    for file in files:
        total += (size := file.stat().st_size)
        if total > LARGEST_BYTES:
            raise RunError(
                f"--with: the files have more than {LARGEST_BYTES / 1e6:.0f} MB ({file.name}: "
                f"{size / 1e6:.1f} MB), and each worker would get them. Put data at the site, and "
                "name it by its path there."
            )
