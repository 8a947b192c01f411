"""The folder of a sweep: what it is, the notebook of each run, and what became of each.

``sweep.json``       the notebook's digest and every parameter; written first, and never changed
``source.ipynb``     the notebook as it was then: all runs are of the same
``notebooks/``       one for each run, written by papermill while it runs
``records/``         one for each run that has ended, written in one step: so it is finished
``progress.json``    how far the sweep is that runs there, and which runs are under way
``runs.csv``         the records as a table, and ``runs.parquet`` where pyarrow is installed
``sweep.record.json`` what the sweep's cluster did for it, and ``sweep.record.html`` as a page
``kernels.log``      what kernels and their process printed past the notebook
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.notebook import Notebook
from jupyter_continuum.runs.sweep.progress import Progress
from jupyter_continuum.runs.sweep.values import Axes, spelled

LOCK_SECONDS = 5
"""So long what is left of a sweep that was killed may take to end."""
FORM = 1
"""Of ``sweep.json`` and the records; a later form has a number of its own."""
State = Literal["completed", "failed", "died"]


@dataclass(frozen=True, slots=True)
class Record:
    """A run that has ended."""

    number: int
    """From 1, in the order of the parameters' product."""
    parameters: Mapping[str, Any]
    state: State
    """``failed``: a cell raised. ``died``: its kernel did, and was not tried again."""
    error: str
    site: str
    """Where its kernel was."""
    started: str
    """ISO 8601, with the zone."""
    seconds: float
    attempts: int
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """What the notebook recorded."""
    energy_kwh: float | None = None
    """None is unknown."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to be run; two that are equal share a folder."""

    notebook: str
    digest: str
    """Of the notebook's cells and its kernel, not of its outputs."""
    kernel: str
    fixed: Mapping[str, Any]
    axes: Axes


def digits(total: int) -> int:
    """How many a run's number has in the names of its files."""
    return len(str(total))


def digest_of(notebook: Notebook) -> str:
    cells = [
        [cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in notebook.cells
    ]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


class Folder:
    """One sweep's folder; ``opened`` gives one that is this sweep's and nobody else's now."""

    def __init__(self, path: Path, total: int, lock: int) -> None:
        """``lock`` is a descriptor: whoever inherits it keeps other sweeps out, too."""
        self.path = path
        self.lock = lock
        self.source = path / "source.ipynb"
        self.log = path / "kernels.log"
        self.csv = path / "runs.csv"
        self.parquet = path / "runs.parquet"
        self._digits = digits(total)

    def notebook(self, number: int) -> Path:
        return self.path / "notebooks" / f"{number:0{self._digits}d}.ipynb"

    def _record(self, number: int) -> Path:
        return self.path / "records" / f"{number:0{self._digits}d}.json"

    def tell(self, progress: Progress, under_way: Iterable[int]) -> None:
        """For who watches the folder."""
        told = {"progress": asdict(progress), "under_way": sorted(under_way)}
        write_in_one_step(self.path / "progress.json", json.dumps(told))

    def write(self, record: Record) -> None:
        write_in_one_step(self._record(record.number), json.dumps(asdict(record)))

    def records(self) -> dict[int, Record]:
        """Of all runs that have ended, by number."""
        found = [_read_record(path) for path in (self.path / "records").glob("*.json")]
        return {record.number: record for record in sorted(found, key=lambda each: each.number)}


@contextmanager
def opened(path: Path, sweep: Sweep, source: Path, total: int, *, resume: bool) -> Iterator[Folder]:
    """The folder, made or found, and locked. RunError when it is another sweep's, or in use.

    One that is made here goes again if no run was begun in it.
    """
    made = not path.exists()
    if resume and not (path / "sweep.json").exists():
        raise RunError(f"{path} holds no sweep to go on with. Leave --resume out to start one.")
    _check_ours(path)
    try:
        for each in (path, path / "notebooks", path / "records"):
            each.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise RunError(
            f"The output folder {path} cannot be written: {error.strerror}. "
            "Say where else with --output DIR."
        ) from error
    try:
        _lock(lock, path)
        folder = Folder(path, total, lock)
        _agree(path, sweep, source, folder)
        yield folder
    finally:
        if made and not any((path / "notebooks").iterdir()):
            shutil.rmtree(path)
        os.close(lock)


def _check_ours(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file. Say --output with a folder.")
    if path.is_dir() and not (path / "sweep.json").exists():
        others = [each.name for each in path.iterdir() if each.name not in _OURS]
        if others:
            raise RunError(
                f"{path} holds something else ({min(others)}). Say --output with a new folder."
            )


_OURS = {"lock", "notebooks", "records", "source.ipynb", "kernels.log"}
"""What is there before ``sweep.json`` is, when a sweep was killed in its first moment."""


def _lock(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise RunError(
                    f"A sweep is running in {path} already. "
                    "Wait for it, or say --output with a new folder."
                ) from error
            time.sleep(0.1)


def in_use(path: Path) -> bool:
    """Whether a sweep runs there. One that starts in this instant just tries again."""
    try:
        descriptor = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _agree(path: Path, sweep: Sweep, source: Path, folder: Folder) -> None:
    """Write down what this folder is for, or check that it is for the same."""
    said = path / "sweep.json"
    now = {"form": FORM, **asdict(sweep)}
    if not said.exists():
        shutil.copyfile(source, folder.source)
        write_in_one_step(said, json.dumps(now, indent=1))
        return
    try:
        before = json.loads(said.read_text())
    except ValueError as error:
        raise RunError(f"{said} cannot be read. Say --output with a new folder.") from error
    for name, what in _NAMED.items():
        if before.get(name) != json.loads(json.dumps(now[name])):
            was = f" ({spelled(before['axes'])})" if name == "axes" else ""
            raise RunError(
                f"{path} holds a sweep of {what}{was}. Say the same again to go on with it, or "
                "--output with a new folder."
            )


_NAMED = {
    "form": "another version of this package",
    "digest": "another notebook, or of this one before it was changed",
    "kernel": "another kernel",
    "axes": "other parameters",
    "fixed": "other parameters in --parameters",
}


def _read_record(path: Path) -> Record:
    try:
        return Record(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise RunError(
            f"{path} is no record of a run. Remove it, and the run is run again."
        ) from error


def write_in_one_step(path: Path, text: str) -> None:
    """Whoever reads ``path`` finds what was there before or all of ``text``."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
