"""A plan that was written is read as it was said, and its text says nothing that is a default."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_continuum.broker.plan_file import plan_text, read_plan
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.plan import Plan
from jupyter_continuum.workbench.launching import _plan

PLAN = {
    "name": "span",
    "groups": [
        {"offer": "lumi/standard-g", "jobs": 2, "nodes": 1},
        {"offer": "local/cores", "walltime_minutes": 30},
    ],
    "policy": {"max_eur": 5.0, "jurisdictions": ["EU"]},
}


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "span.yaml"
    path.write_text(plan_text(PLAN))
    assert Plan.model_validate(read_plan(path)) == Plan.model_validate(PLAN)
    assert "nodes" not in path.read_text()
    assert "lease" not in path.read_text()


def test_a_notebook_launches_what_a_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "span.yaml"
    path.write_text(plan_text(PLAN))
    assert _plan(str(path), "mine")["name"] == "mine"
    assert _plan(str(path), None)["groups"][1]["offer"] == "local/cores"
    with pytest.raises(PlanRefused, match="Is the name right"):
        _plan(str(tmp_path / "other.yaml"), None)
