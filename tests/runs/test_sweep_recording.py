"""The record of a sweep: all of its runs are accounted for, and an estimate is called one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from jupyter_continuum.cluster.way import WAY_VARIABLE
from jupyter_continuum.runs.record.make import make_record
from jupyter_continuum.runs.record.model import Quantity, SweepPart
from jupyter_continuum.runs.record.page import page
from jupyter_continuum.runs.record.schema import text
from jupyter_continuum.runs.record.withheld import LEFT_OUT
from jupyter_continuum.runs.sweep.folder import Folder, Record, Sweep
from jupyter_continuum.runs.sweep.recording import (
    SweepRecording,
    earlier_records,
    energy_of_runs,
    put_aside,
)
from tests.runs.record.facts import CLIENT, at, facts

KNOWN = Quantity(value=3.0, unit="kWh", kind="measured", source="a counter")


def run(number: int, seconds: float) -> Record:
    return Record(number, {}, "completed", "", "local", "", seconds, 1)


def part(**changes: Any) -> SweepPart:
    told = {
        "notebook": "a.ipynb", "digest": "ab" * 32, "kernel": "python3",
        "axes": {"n": [1, 2], "api_key": ["S3CRET"]}, "fixed": {"password": "S3CRET"},
        "runs": 5, "completed": 2, "failed": 1, "died": 1, "run_seconds": 7.5,
        "started": at(20), "ended": at(50), "runs_here": (3, 4), "runs_of_no_record": (1,),
        "earlier_records": ("sweep.1.record.json",), "energy_of_runs": "Unknown: why.",
    }  # fmt: skip
    return SweepPart(**told | changes)


def test_a_record_of_a_sweep_is_of_its_time_and_holds_no_secret() -> None:
    made = make_record(facts(), client=CLIENT, sweep=part(), before=facts(asked=at(20)))
    assert (made.start, made.end, made.complete) == (at(20), at(50), True)
    validator = jsonschema.Draft202012Validator(json.loads(text()))
    validator.validate(json.loads(made.model_dump_json()))
    assert made.sweep is not None
    assert made.sweep.axes == {"n": [1, 2], "api_key": [LEFT_OUT]}
    shown = page(made)
    assert "S3CRET" not in made.model_dump_json() + shown
    assert "Run record of the sweep of a.ipynb" in shown
    assert "sweep.1.record.json" in shown
    assert "interactive work" not in shown


def test_runs_share_a_known_energy_by_their_seconds_and_that_is_an_estimate() -> None:
    found, words = energy_of_runs([run(2, 1), run(5, 3)], KNOWN, shared=False)
    assert found == {2: 0.75, 5: 2.25}
    assert words.startswith("Estimated: ")
    assert "(measured)" in words


@pytest.mark.parametrize(
    ("seconds", "energy", "shared", "why"),
    [
        (1, KNOWN, True, "was there before"),
        (
            1,
            KNOWN.model_copy(update={"value": None, "reason": "No counter."}),
            False,
            "No counter.",
        ),
        (0, KNOWN, False, "how long"),
    ],
)
def test_what_is_unknown_is_empty_and_why_is_said_once(
    seconds: float, energy: Quantity, shared: bool, why: str
) -> None:
    found, words = energy_of_runs([run(1, seconds)], energy, shared=shared)
    assert found == {}
    assert words.startswith("Unknown")
    assert why in words


def test_a_sweep_that_goes_on_keeps_the_records_of_before(tmp_path: Path) -> None:
    assert earlier_records(tmp_path) == {}
    for runs in ([1, 2], [3]):
        (tmp_path / "sweep.record.json").write_text(json.dumps({"sweep": {"runs_here": runs}}))
        (tmp_path / "sweep.record.html").write_text("page")
        last = earlier_records(tmp_path)
        put_aside(tmp_path)
    assert last == {"sweep.1.record.json": (1, 2), "sweep.2.record.json": (3,)}
    assert last == earlier_records(tmp_path)
    assert (tmp_path / "sweep.2.record.html").exists()
    (tmp_path / "sweep.1.record.json").write_text("{")
    assert earlier_records(tmp_path)["sweep.1.record.json"] == ()


def test_without_a_broker_the_record_of_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WAY_VARIABLE, "/")  # where no broker is asked, or started
    (tmp_path / "sweep.record.json").write_text("before")
    sweep = Sweep("a.ipynb", "", "python3", {}, {"n": [1]})
    recording = SweepRecording(sweep, 1, Folder(tmp_path, 1, lock=-1))
    recording._cluster = "of-a-broker-that-is-gone"
    told: list[str] = []
    recording.end({1: run(1, 1.0)}, [1], told.append)
    assert len(told) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.record.json"]
