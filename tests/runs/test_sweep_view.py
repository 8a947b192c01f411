"""A sweep's folder as who watches it sees it."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.errors import RunError, Unknown
from jupyter_continuum.runs.sweep.results import MOST_SIGNS, shown
from jupyter_continuum.runs.sweep.view import SweepRow, SweepView, look
from tests.runs.sweep_folder import make, progress, record


def by_run(view: SweepView) -> dict[int, SweepRow]:
    return {row.run: row for row in view.rows}


def test_every_run_has_a_row_also_those_that_wait(tmp_path: Path) -> None:
    make(tmp_path, {"n": [1, 2], "k": ["x", [1]]}, fixed={"f": 5})
    record(tmp_path, 2, {"f": 5, "n": 1, "k": [1]}, outputs={"total": 0.5})
    record(tmp_path, 3, {"f": 5, "n": 2, "k": "x"}, state="failed", error="cell 2 of 2 failed")
    view = look(tmp_path)
    assert (view.notebook, view.total, view.ended, view.digits) == ("a.ipynb", 4, 2, 1)
    assert (view.parameters, view.fixed) == (["n", "k"], {"f": 5})
    rows = by_run(view)
    assert [rows[n].status for n in (1, 2, 3, 4)] == ["waiting", "completed", "failed", "waiting"]
    assert rows[1].parameters == [1, "x"]
    assert rows[2].parameters == [1, "[1]"]
    assert rows[2].outputs == {"total": 0.5}
    assert rows[3].error == "cell 2 of 2 failed"


def test_a_later_look_tells_only_what_has_ended_since(tmp_path: Path) -> None:
    make(tmp_path, {"n": [1, 2, 3]})
    record(tmp_path, 1, {"n": 1}, at=1000)
    first = look(tmp_path)
    # It is told again: another may have been written in the same tick.
    assert list(by_run(look(tmp_path, since=first.since))) == [1]
    record(tmp_path, 2, {"n": 2}, at=2000)
    second = look(tmp_path, since=first.since)
    assert (sorted(by_run(second)), second.ended) == ([1, 2], 2)
    assert list(by_run(look(tmp_path, since=second.since))) == [2]


def test_time_left_is_told_as_by_the_command_and_only_while_it_goes_on(tmp_path: Path) -> None:
    make(tmp_path, {"n": list(range(10))})
    progress(tmp_path, total=10, ended=4, running=2, elapsed=500, under_way=[5, 6])
    assert (look(tmp_path).going, look(tmp_path).running, look(tmp_path).left) == (False, [], "")
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        view = look(tmp_path)
    finally:
        os.close(lock)
    assert (view.going, view.running, view.left) == (True, [5, 6], "8 min")


def test_looking_keeps_no_sweep_out(tmp_path: Path) -> None:
    make(tmp_path, {"n": [1]})
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    look(tmp_path)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"number": 1}'])
def test_a_record_that_is_none_is_a_row_that_says_so(tmp_path: Path, text: str) -> None:
    make(tmp_path, {"n": [1, 2]})
    (tmp_path / "records" / "1.json").write_text(text)
    record(tmp_path, 2, {"n": 2})
    rows = by_run(look(tmp_path))
    assert (rows[1].status, rows[2].status) == ("unreadable", "completed")
    assert rows[1].error.startswith("records/1.json is no record of a run. Remove it")


def test_other_files_among_the_records_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path, {"n": [1]})
    for name in (".1.json.77", "01.json", "2.json", "²", "x.json"):
        (tmp_path / "records" / name).write_text("{}")
    assert look(tmp_path).ended == 0


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"form": 1}', '{"form": 1, "axes": 3}'])
def test_a_folder_that_is_no_sweep_is_unknown(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(Unknown, match="holds no sweep"):
        look(tmp_path)


def test_a_sweep_of_a_later_version_and_one_that_is_too_large_are_refused(tmp_path: Path) -> None:
    make(tmp_path, {"n": [1]}, form=2)
    with pytest.raises(RunError, match="another version"):
        look(tmp_path)
    make(tmp_path, {"n": list(range(1000)), "k": list(range(1000))})
    with pytest.raises(RunError, match="1,000,000 runs"):
        look(tmp_path)


@pytest.mark.parametrize(
    ("value", "as_shown"),
    [
        (None, None),
        (3, 3),
        (0.1, 0.1),
        (True, "true"),
        ([1, "a"], '[1, "a"]'),
        ("a\x1b[31mb\u202ec", "abc"),
        (float("nan"), "nan"),
        (2**60, str(2**60)),
        ("x" * 1000, "x" * (MOST_SIGNS - 1) + "…"),
    ],
)
def test_a_value_is_shown_as_a_number_or_as_text(value: Any, as_shown: Any) -> None:
    assert shown(value) == as_shown


def test_what_is_told_is_json_that_a_browser_reads(tmp_path: Path) -> None:
    make(tmp_path, {"n": [1]}, fixed={"f": float("inf")})
    record(tmp_path, 1, {"n": float("nan")}, outputs={"o": float("-inf")}, seconds=float("nan"))
    json.dumps(look(tmp_path).model_dump(), allow_nan=False)
