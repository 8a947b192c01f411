"""Folders of sweeps, as a sweep writes them, for those that only read one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

from jupyter_continuum.runs.sweep.folder import FORM, Folder, Record, Sweep
from jupyter_continuum.runs.sweep.progress import Progress


def make(
    path: Path,
    axes: dict[str, list[Any]],
    *,
    fixed: Mapping[str, Any] | None = None,
    form: int = FORM,
) -> None:
    """A sweep of which no run has ended."""
    for name in ("records", "notebooks"):
        (path / name).mkdir(parents=True, exist_ok=True)
    sweep = Sweep("a.ipynb", "0" * 64, "python3", fixed or {}, axes)
    (path / "sweep.json").write_text(json.dumps({"form": form, **asdict(sweep)}))


def record(
    path: Path,
    number: int,
    parameters: Mapping[str, Any],
    *,
    state: Any = "completed",
    at: int | None = None,
    **fields: Any,
) -> None:
    """Run ``number`` has ended, ``at`` that second."""
    given: dict[str, Any] = {
        "error": "",
        "site": "local",
        "started": "2026-11-29T01:00:00+00:00",
        "seconds": 1.5,
        "attempts": 1,
    }
    folder = folder_of(path)
    folder.write(Record(number, parameters, state, **(given | fields)))
    if at is not None:
        (written,) = (path / "records").glob(f"*{number}.json")
        os.utime(written, (at, at))


def progress(
    path: Path, *, total: int, ended: int, running: int, elapsed: float, under_way: Sequence[int]
) -> None:
    told = Progress(
        total=total,
        before=0,
        ended=ended,
        failed=0,
        running=running,
        elapsed_seconds=elapsed,
    )
    folder_of(path).tell(told, under_way)


def folder_of(path: Path) -> Folder:
    axes = json.loads((path / "sweep.json").read_text())["axes"]
    return Folder(path, prod(len(values) for values in axes.values()), -1)
