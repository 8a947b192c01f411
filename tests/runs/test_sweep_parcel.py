"""What comes back of a run at a site is looked at before it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.runs.sweep import parcel
from tests.runs.notebooks import write

ENDED = {"state": "failed", "error": "bad\x1b[2J\nworse", "outputs": {"loss": 0.5}, "seconds": 1}


def test_what_a_run_leaves_is_taken_without_signs_that_move_a_cursor(tmp_path: Path) -> None:
    notebook = write(tmp_path / "a.ipynb").read_text()
    found = parcel.opened({"ended": json.dumps(ENDED), "notebook": notebook, "log": ""})
    assert found.notebook == notebook
    assert found.ended == {**ENDED, "error": "bad worse"}
    assert parcel.opened({"ended": json.dumps(ENDED), "notebook": "", "log": "x"}).log == "x"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ended": b"{}"}, "another form"),
        ({"ended": "nothing"}, "not JSON"),
        ({"ended": "[" * 100_000}, "not JSON"),
        ({"ended": json.dumps(ENDED | {"state": "fine"})}, "how the run ended"),
        ({"ended": json.dumps(ENDED | {"outputs": [1]})}, "how the run ended"),
        ({"ended": json.dumps(ENDED | {"seconds": float("nan")})}, "how the run ended"),
        ({"notebook": "<script>"}, "no notebook"),
        ({"notebook": '{"nbformat": 4, "nbformat_minor": 5}'}, "no notebook"),
        ({"notebook": " " * 201}, "more than"),
        ({"log": "x" * (parcel.LOG_BYTES + 1)}, "more than"),
    ],
)
def test_anything_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str
) -> None:
    if said == "more than":
        monkeypatch.setattr(parcel, "MOST_BYTES", 200)
    answer = {"ended": json.dumps(ENDED), "notebook": "", "log": ""} | changes
    with pytest.raises(ValueError, match=said):
        parcel.opened(answer)
