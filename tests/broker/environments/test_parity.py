"""The worker environment of every site is compared before anything is submitted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.environments.installed import Asked, Interpreter, understood
from jupyter_continuum.broker.environments.parity import parity_view
from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.sites.interpreter import Told
from tests.conftest import RunningBroker
from tests.rig.daemons import wait_until
from tests.rig.fixtures import profile
from tests.rig.site import SlurmSite

THERE = Interpreter("lumi", "/scratch/worker/bin/python", "")


def test_an_environment_like_ours_is_shown_without_a_word() -> None:
    view = parity_view(THERE, Asked(environment()))
    assert {row.verdict for row in view.rows} == {"same"}
    assert (view.refusal, view.warnings) == ("", [])


def test_a_mismatch_is_refused_in_one_sentence_that_names_it_and_the_command() -> None:
    there = environment()
    there["python"] = "3.9.18"
    there["packages"] = there["packages"] | {"dask": "2025.1.0", "distributed": None}
    refusal = parity_view(THERE, Asked(there)).refusal
    assert "/scratch/worker/bin/python does not fit: Python is 3.9.18 there" in refusal
    assert "dask is 2025.1.0 there" in refusal
    assert "distributed missing there" in refusal
    assert refusal.endswith("`jupyter continuum prepare lumi` builds one that fits.")


def test_an_interpreter_without_anything_is_told_by_its_version() -> None:
    asked = understood(Told("failed", "3.6.8", words="SyntaxError"), THERE)
    assert "Python is 3.6.8 there" in parity_view(THERE, asked).refusal


def test_what_is_not_there_is_refused_and_what_cannot_be_known_is_a_warning() -> None:
    absent = understood(Told("not found", words="No such file"), THERE)
    assert "is not there" in parity_view(THERE, absent).refusal
    foreign = understood(Told("not run", words="Exec format error"), THERE)
    view = parity_view(THERE, foreign)
    assert view.refusal == ""
    assert "compared when the first worker joins" in view.warnings[0]


def test_a_driver_too_old_for_the_cupy_there_is_refused() -> None:
    there = environment() | {"cupy": "cupy-cuda13x 14.2.0", "cuda_driver": "12.4 (550.54)"}
    refusal = parity_view(THERE, Asked(there)).refusal
    assert "built for CUDA 13 there, and the driver serves CUDA 12.4" in refusal
    there |= {"cuda_driver": None}
    # What a probe has measured on a node counts where the login node has no driver.
    assert "serves CUDA 12.2" in parity_view(THERE, Asked(there), cuda_driver="12.2").refusal
    assert parity_view(THERE, Asked(there), cuda_driver="13.0").refusal == ""
    view = parity_view(THERE, Asked(there), cuda_driver="")
    assert view.refusal == ""
    assert "unknown" in {row.verdict for row in view.rows if row.what == "CUDA driver"}


def connect(site: SlurmSite, python: str | Path) -> None:
    asked = profile(site, Path(python)).model_dump(mode="json")
    assert call_broker("connect", profile=asked)["state"] == "ready"


@pytest.mark.slurm
def test_a_site_without_an_environment_is_refused_before_anything_is_submitted(
    broker: RunningBroker, slurm_site: SlurmSite, worker_python: Path
) -> None:
    name = slurm_site.spec.name
    plan = {"name": "main", "groups": [{"offer": "local/cores"}, {"offer": f"{name}/cpu"}]}
    connect(slurm_site, "/usr/bin/python3")
    told = call_broker("dry_run", plan=plan)
    assert told["groups"][1]["script"]
    with pytest.raises(PlanRefused, match=rf"dask.* missing there.*prepare {name}"):
        call_broker("launch", plan=plan)
    connect(slurm_site, "/nowhere/python")
    with pytest.raises(PlanRefused, match=r"/nowhere/python is not there"):
        call_broker("launch", plan=plan)
    assert call_broker("clusters") == []
    assert not (slurm_site.work / "jobs").exists() or not any((slurm_site.work / "jobs").iterdir())
    # Mended by hand: nobody has to wait until the old answer is forgotten.
    connect(slurm_site, worker_python)
    (ours, theirs) = call_broker("dry_run", plan=plan)["parity"]
    assert {row["verdict"] for row in ours["rows"]} == {"same"}
    assert (theirs["refusal"], theirs["site"]) == ("", name)


@pytest.mark.slurm
def test_an_answer_is_remembered_and_a_launch_does_not_wait_for_it(
    broker: RunningBroker, slurm_site_b: SlurmSite, worker_python: Path
) -> None:
    plan = {"groups": [{"offer": "siteb/cpu"}]}
    connect(slurm_site_b, worker_python)

    def parity() -> dict[str, Any]:
        (view,) = call_broker("dry_run", plan=plan)["parity"]
        return dict(view)

    wait_until(lambda: bool(parity()["rows"]), "siteb does not say what is installed")
    known = parity()
    slurm_site_b.cut()
    try:
        took = []
        for _ in range(3):  # a busy machine only adds to what it takes
            began = time.monotonic()
            assert parity() == known
            took.append(time.monotonic() - began)
        assert min(took) < 1
    finally:
        slurm_site_b.restore()
