from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from pyarrow.parquet import read_table

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.kept_results import kept_results
from jupyter_continuum.runs.sweep.folder import Folder, Record, Sweep, digest_of, opened
from jupyter_continuum.runs.sweep.progress import Progress, duration
from jupyter_continuum.runs.sweep.results import table_of, write_csv, write_parquet
from tests.runs.notebooks import write


def record(number: int, **fields: Any) -> Record:
    made: dict[str, Any] = {
        "parameters": {"n": number},
        "state": "completed",
        "error": "",
        "site": "local",
        "started": "2026-11-29T01:00:00+00:00",
        "seconds": 1.5,
        "attempts": 1,
    }
    return Record(number=number, **(made | fields))


@contextmanager
def folder(tmp_path: Path, *, resume: bool = False, **fields: Any) -> Iterator[Folder]:
    source = tmp_path / "a.ipynb"
    if not source.exists():
        write(source)
    digest = digest_of(nbformat.read(source, as_version=4))
    given: dict[str, Any] = {"kernel": "python3", "fixed": {}, "axes": {"n": [1, 2]}} | fields
    sweep = Sweep(str(source), digest, **given)
    with opened(tmp_path / "out", sweep, source, 2, resume=resume) as found:
        yield found


def begin(tmp_path: Path) -> None:
    with folder(tmp_path) as found:
        found.notebook(1).write_text("{}")
        found.write(record(1))


def test_the_same_sweep_finds_what_has_ended(tmp_path: Path) -> None:
    begin(tmp_path)
    with folder(tmp_path, resume=True) as found:
        assert found.records() == {1: record(1)}
        assert found.source.read_bytes() == (tmp_path / "a.ipynb").read_bytes()


def test_what_was_half_written_is_no_record(tmp_path: Path) -> None:
    begin(tmp_path)
    (tmp_path / "out" / "records" / ".2.json.77").write_text('{"number"')
    with folder(tmp_path) as found:
        assert list(found.records()) == [1]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"axes": {"n": [1, 3]}}, r"other parameters \(n \(2\)\)"),
        ({"axes": {"m": [1, 2]}}, r"other parameters \(n \(2\)\)"),
        ({"fixed": {"k": 1}}, "other parameters in --parameters"),
        ({"kernel": "other"}, "another kernel"),
    ],
)
def test_a_folder_holds_one_sweep(tmp_path: Path, fields: Any, said: str) -> None:
    begin(tmp_path)
    with pytest.raises(RunError, match=said) as caught, folder(tmp_path, **fields):
        pass
    assert "--output with a new folder" in str(caught.value)


def test_outputs_do_not_make_it_another_notebook_but_its_code_does(tmp_path: Path) -> None:
    begin(tmp_path)
    notebook = json.loads((tmp_path / "a.ipynb").read_text())
    notebook["cells"][1]["execution_count"] = 7
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    with folder(tmp_path):
        pass
    write(tmp_path / "a.ipynb", "1 + 1")
    with pytest.raises(RunError, match="before it was changed"), folder(tmp_path):
        pass


def test_two_sweeps_do_not_share_a_folder(tmp_path: Path) -> None:
    begin(tmp_path)
    with (
        folder(tmp_path),
        pytest.raises(RunError, match="A sweep is running in"),
        ExitStack() as stack,
    ):
        stack.enter_context(folder(tmp_path))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(RunError, match=r"holds something else \(thesis\.tex\)"), folder(tmp_path):
        pass
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_folder_in_which_no_run_was_begun_goes_again(tmp_path: Path) -> None:
    with folder(tmp_path):
        pass
    assert not (tmp_path / "out").exists()
    with pytest.raises(RunError, match="no sweep to go on with"), folder(tmp_path, resume=True):
        pass


RECORDS = [
    record(1, outputs={"loss": 0.5, "mixed": 1, "parts": [1, 2]}),
    record(2, outputs={"loss": math.nan, "mixed": "x"}, parameters={"n": 2, "on": True}),
    record(3, state="failed", error='ValueError: "a,b"', energy_kwh=None),
]


def test_the_table_has_a_row_for_each_run_and_unknown_is_empty(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", table_of(RECORDS))
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["params.n"] == "1"
    assert (rows[0]["params.on"], rows[1]["params.on"]) == ("", "true")
    assert [row["outputs.loss"] for row in rows] == ["0.5", "nan", ""]
    assert rows[0]["outputs.parts"] == "[1, 2]"
    assert rows[2]["status"] == "failed"
    assert rows[2]["error"] == 'ValueError: "a,b"'
    assert {row["energy_kwh"] for row in rows} == {""}


def test_the_same_as_parquet(tmp_path: Path) -> None:
    assert write_parquet(tmp_path / "t.parquet", table_of(RECORDS))
    rows = read_table(tmp_path / "t.parquet").to_pylist()
    assert [row["params.n"] for row in rows] == [1, 2, 3]
    assert [row["outputs.mixed"] for row in rows] == ["1", '"x"', None]
    assert rows[0]["outputs.parts"] == [1, 2]
    assert math.isnan(rows[1]["outputs.loss"])
    assert rows[2]["outputs.loss"] is None
    assert rows[0]["energy_kwh"] is None
    assert write_parquet(tmp_path / "none.parquet", table_of([]))


def test_what_is_recorded_twice_counts_once_and_a_broken_notebook_holds_nothing(
    tmp_path: Path,
) -> None:
    kind = "application/scrapbook.scrap.json+json"
    outputs = [{"data": {kind: {"name": "loss", "data": value}}} for value in (1, "-Infinity")] + [
        {"data": {kind: "?"}},
        {"name": "stdout", "text": "x"},
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [{"outputs": outputs}, {"cell_type": "markdown"}]}))
    assert kept_results(path) == {"loss": -math.inf}
    path.write_text('{"cells"')
    assert kept_results(path) == kept_results(tmp_path / "none.ipynb") == {}


def test_progress_says_what_is_left_as_soon_as_that_can_be_known() -> None:
    first = Progress(100, before=0, ended=0, failed=0, running=2, elapsed_seconds=3)
    assert str(first) == "0 of 100 runs, 2 running"
    later = Progress(100, before=20, ended=39, failed=1, running=2, elapsed_seconds=40)
    assert str(later) == "59 of 100 runs, 1 failed, 2 running, about 40 s left"
    assert str(Progress(2, 0, 2, 0, 0, 3)) == "2 of 2 runs"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (89, "89 s"), (720, "12 min"), (12_000, "3 h 20 min")]
)
def test_a_duration_is_no_more_exact_than_an_estimate(seconds: float, said: str) -> None:
    assert duration(seconds) == said
