"""A sweep as who watches it sees it: its folder is read, and nothing in it is changed.

Only what has changed since a watcher looked last is read and told again, so that one who looks
every other second costs little, also at ten thousand runs.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from jupyter_continuum.errors import RunError, Unknown
from jupyter_continuum.runs.sweep.folder import FORM, Record, Sweep, digits, in_use
from jupyter_continuum.runs.sweep.progress import Progress, duration
from jupyter_continuum.runs.sweep.results import Shown, shown
from jupyter_continuum.runs.sweep.values import MOST_RUNS, combinations
from jupyter_continuum.table import clean

LARGEST_RECORD = 2**24
"""Bytes; one that is larger is not read."""


class SweepRow(BaseModel):
    """One run."""

    run: int
    status: str
    """``waiting``, the state of its record, or ``unreadable``."""
    parameters: list[Shown]
    """In the order of the view's."""
    outputs: dict[str, Shown] = {}
    """What the notebook recorded."""
    error: str = ""
    site: str = ""
    started: str = ""
    seconds: float | None = None
    energy_kwh: float | None = None
    attempts: int = 0


class SweepView(BaseModel):
    """A whole sweep, or what became of it since ``since``."""

    notebook: str
    parameters: list[str]
    """Those that are not the same in every run."""
    fixed: dict[str, Shown]
    total: int
    ended: int
    digits: int
    """Of a run's number in the name of its notebook."""
    going: bool
    running: list[int]
    """Numbers of the runs that are under way."""
    left: str
    """How long it will take, as the command says it; empty where that is not known."""
    rows: list[SweepRow]
    since: str
    """To be said at the next look."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What ``progress.json`` holds."""

    progress: Progress
    under_way: list[int]


_RECORD = TypeAdapter(Record)
_SWEEP = TypeAdapter(Sweep)
_TOLD = TypeAdapter(_Told)


def look(path: Path, *, since: str = "") -> SweepView:
    """All runs of the sweep in ``path``; with ``since`` only those that ended since then.

    Unknown where there is no sweep, RunError for one that cannot be read.
    """
    sweep = _read_sweep(path)
    total = math.prod(len(values) for values in sweep.axes.values())
    if total > MOST_RUNS:
        raise RunError(f"{path.name} says that it has {total:,} runs; no sweep has so many.")
    names = list(sweep.axes)
    going = in_use(path)  # before the records are: one that ends now is seen at the next look
    told = _read_told(path) if going else None
    after = int(since) if since else -1
    ended, latest, rows = 0, after, dict[int, SweepRow]()
    if not since:
        for number, values in enumerate(combinations(sweep.axes, {}), 1):
            shown_values = [shown(value) for value in values.values()]
            rows[number] = SweepRow(run=number, status="waiting", parameters=shown_values)
    for number, entry, stat in _record_files(path, total):
        ended += 1
        # Not only later ones: two may be written between two ticks of the file system's clock.
        if stat.st_mtime_ns >= after:
            latest = max(latest, stat.st_mtime_ns)
            rows[number] = _row(number, entry, stat, names)
    return SweepView(
        notebook=clean(Path(sweep.notebook).name),
        parameters=names,
        fixed={clean(name): shown(value) for name, value in sweep.fixed.items()},
        total=total,
        ended=ended,
        digits=digits(total),
        going=going,
        running=told.under_way if told else [],
        left=_left(told.progress) if told else "",
        rows=list(rows.values()),
        since=str(latest) if latest >= 0 else "",
    )


def _read_sweep(path: Path) -> Sweep:
    said = path / "sweep.json"
    try:
        text = said.read_bytes()
    except OSError as error:
        raise Unknown(f"{path.name} holds no sweep: {said.name} cannot be read.") from error
    try:
        content = json.loads(text)
        form = content.pop("form")
        if form == FORM:
            return _SWEEP.validate_python(content)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise Unknown(f"{path.name} holds no sweep: {said.name} is something else.") from error
    raise RunError(f"{path.name} was written by another version of this package (form {form!r}).")


def _read_told(path: Path) -> _Told | None:
    try:
        return _TOLD.validate_json((path / "progress.json").read_bytes())
    except (OSError, ValidationError):
        return None  # it has not begun, or is of an earlier version


def _record_files(path: Path, total: int) -> Iterator[tuple[int, str, os.stat_result]]:
    try:
        with os.scandir(path / "records") as entries:
            for entry in entries:
                stem, _, kind = entry.name.partition(".")
                if kind != "json" or not (stem.isascii() and stem.isdigit()):
                    continue  # one that is being written
                if len(stem) == digits(total) and 1 <= int(stem) <= total:
                    yield int(stem), entry.path, entry.stat()
    except OSError:
        return  # nothing has ended, or it is being removed


def _row(number: int, path: str, stat: os.stat_result, names: list[str]) -> SweepRow:
    try:
        if stat.st_size > LARGEST_RECORD:
            raise ValueError("too large")
        record = _RECORD.validate_json(Path(path).read_bytes())
    except (OSError, ValueError):
        name = Path(path).name
        return SweepRow(
            run=number,
            status="unreadable",
            parameters=[None] * len(names),
            error=f"records/{name} is no record of a run. Remove it, and the run is run again.",
        )
    return SweepRow(
        run=number,
        status=record.state,
        parameters=[shown(record.parameters.get(name)) for name in names],
        outputs={clean(name): shown(value) for name, value in record.outputs.items()},
        error=str(shown(record.error)),
        site=str(shown(record.site)),
        started=clean(record.started),
        seconds=_finite(record.seconds),
        energy_kwh=_finite(record.energy_kwh),
        attempts=record.attempts,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _left(progress: Progress) -> str:
    done = progress.before + progress.ended
    left = progress.seconds_left
    return duration(left) if left is not None and done < progress.total else ""
