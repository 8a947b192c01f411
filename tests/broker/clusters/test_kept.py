"""Records of clusters that have ended: found by name or id, for a time, by their owner alone."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupyter_continuum.broker.clusters import kept
from jupyter_continuum.broker.messages.records import ClusterFacts

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def keep(name: str, id: str, *, age_days: float = 0) -> Path:
    kept.keep(
        ClusterFacts(
            name=name,
            id=id,
            state="stopped",
            started=NOON,
            asked=NOON,
            ended=NOON,
            lease_seconds=900,
        )
    )
    path = kept.records_dir() / f"{name}.{id}.json"
    then = path.stat().st_mtime - age_days * 86400
    os.utime(path, (then, then))
    return path


def found(name: str) -> str | None:
    facts = kept.find(name)
    return facts.id if facts else None


def test_the_last_of_a_name_is_found_and_each_by_its_id(state: Path) -> None:
    keep("main", "00000b", age_days=1)
    path = keep("main", "00000a")
    keep("main-2", "00000c")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (found("main"), found("00000b"), found("main-2")) == ("00000a", "00000b", "00000c")
    assert [each.id for each in kept.every()][-1] == "00000b"


@pytest.mark.parametrize("name", ["*", "../clusters/main", "", "main.0", "?ain", "nobody"])
def test_what_is_no_name_finds_nothing(state: Path, name: str) -> None:
    keep("main", "00000a")
    assert found(name) is None


def test_what_is_old_or_too_much_goes(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT_RECORDS", 3)
    keep("old", "00000a", age_days=kept.KEPT_DAYS + 1)
    for number in range(4):
        keep("main", f"00000{number}", age_days=1 - number / 10)
    keep("last", "0000ff")
    assert [each.id for each in kept.every()] == ["0000ff", "000003", "000002"]


def test_a_broken_record_hides_no_other(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep("main", "00000a", age_days=1)
    keep("main", "00000b").write_text("{")
    assert found("main") == "00000a"
    assert "cannot be read" in capsys.readouterr().out
