"""Facts of clusters that have ended: ``<data dir>/records/<name>.<id>.json``, for half a year."""

from __future__ import annotations

import re
import time
from pathlib import Path

from jupyter_continuum.broker.messages.records import ClusterFacts
from jupyter_continuum.errors import BrokerError
from jupyter_continuum.paths import data_dir, private_dir, write_private
from jupyter_continuum.planning.plan import NAME

KEPT_DAYS = 180
KEPT_RECORDS = 500
"""The latest; older ones go, whatever their age."""


def keep(facts: ClusterFacts) -> None:
    """Write them, and remove what is too old. BrokerError when the disk is full."""
    try:
        path = records_dir() / f"{facts.name}.{facts.id}.json"
        write_private(path, facts.model_dump_json().encode())
        _remove_old(oldest_kept=time.time() - KEPT_DAYS * 86400)
    except OSError as error:
        raise BrokerError(
            f"The record of {facts.name} cannot be written to {data_dir()} ({error.strerror}): it "
            "is lost. Free some space there."
        ) from error


def find(name: str) -> ClusterFacts | None:
    """Of the cluster ``name`` that ended last, or of the one with that id."""
    if not re.fullmatch(NAME, name):
        return None
    for path in (*_latest_first(f"{name}.*"), *_latest_first(f"*.{name}")):
        if facts := _read(path):
            return facts
    return None


def every() -> list[ClusterFacts]:
    """All that are kept, the latest first."""
    return [facts for path in _latest_first("*") if (facts := _read(path))]


def records_dir() -> Path:
    return private_dir(data_dir() / "records")


def _remove_old(oldest_kept: float) -> None:
    for number, old in enumerate(_latest_first("*")):
        if number >= KEPT_RECORDS or old.stat().st_mtime < oldest_kept:
            old.unlink(missing_ok=True)


def _latest_first(pattern: str) -> list[Path]:
    found = [(path.stat().st_mtime, path) for path in records_dir().glob(f"{pattern}.json")]
    return [path for _, path in sorted(found, reverse=True)]


def _read(path: Path) -> ClusterFacts | None:
    try:
        return ClusterFacts.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        print(f"{path} cannot be read ({type(error).__name__}); it is passed over.", flush=True)
        return None
