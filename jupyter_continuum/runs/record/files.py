"""Records in files: JSON for programs, and beside it one page for people."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.record.model import RunRecord
from jupyter_continuum.runs.record.page import page


@dataclass(frozen=True, slots=True)
class Written:
    """Where a record lies."""

    json: Path
    html: Path


def write_record(record: RunRecord, beside: Path) -> Written:
    """``a.record.json`` and ``a.record.html`` for ``a.ipynb``. RunError where they cannot be."""
    written = Written(beside.with_suffix(".record.json"), beside.with_suffix(".record.html"))
    try:
        _replace(written.json, record.model_dump_json(indent=1) + "\n")
        _replace(written.html, page(record))
    except OSError as error:
        raise RunError(
            f"The record {written.json} cannot be written: {error.strerror}. "
            f"`jupyter continuum record {record.cluster.id}` in another folder writes it again."
        ) from error
    return written


def _replace(path: Path, text: str) -> None:
    """In one step: nobody reads half a record."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
