"""Where the notebook of a run goes: never over one that is there, unless that is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from jupyter_continuum.errors import RunError


@contextmanager
def reserved(notebook: Path, output: Path | None, *, force: bool, now: datetime) -> Iterator[Path]:
    """The output's path; the file is there, empty, and goes again if it stays so.

    Made at once, it says before a launch whether its folder can be written, and two runs that
    start in the same second have two outputs.
    """
    if output is not None and output.exists():
        _check_existing(notebook, output, force)
        yield output
        return
    path = _make(output) if output is not None else _make_default(notebook, now)
    try:
        yield path
    finally:
        if path.exists() and path.stat().st_size == 0:
            path.unlink()


def _check_existing(notebook: Path, output: Path, force: bool) -> None:
    if output.is_dir():
        raise RunError(f"{output} is a folder. Say -o {output / 'NAME.ipynb'}.")
    if output.samefile(notebook):
        raise RunError(f"{output} is the notebook itself. Choose another output.")
    if not force:
        raise RunError(f"{output} is there already. Choose another output, or say --force.")
    if not os.access(output, os.W_OK):
        raise RunError(f"{output} cannot be written. Choose another output.")


def _make_default(notebook: Path, now: datetime) -> Path:
    stem = f"{notebook.stem}-run-{now:%Y%m%d-%H%M%S}"
    number = 1
    while True:
        name = f"{stem}.ipynb" if number == 1 else f"{stem}-{number}.ipynb"
        try:
            return _make(notebook.with_name(name))
        except FileExistsError:
            number += 1


def _make(path: Path) -> Path:
    """Create it. FileExistsError, and RunError where it cannot be."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    except FileExistsError:
        raise
    except OSError as error:
        raise RunError(
            f"The output {path} cannot be written: {error.strerror}. Say where else with -o FILE."
        ) from error
    return path
