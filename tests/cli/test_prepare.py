"""``prepare`` as a person runs it: its progress, and what Ctrl-C leaves."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest

from tests.cli.commands import COMMAND, SECONDS, continuum
from tests.rig.fixtures import profile
from tests.rig.site import SlurmSite

pytestmark = pytest.mark.slurm


def test_ctrl_c_leaves_nothing_half_and_the_profile_as_it_was(
    broker: Any, slurm_site_b: SlurmSite
) -> None:
    from jupyter_continuum.broker.client import call_broker

    asked = profile(slurm_site_b, "/usr/bin/python3").model_dump(mode="json")  # type: ignore[arg-type]
    assert call_broker("connect", profile=asked)["state"] == "ready"
    # A package that no test before has built with.
    words = [*COMMAND, "prepare", "siteb", "--with", "pluggy"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        for line in command.stdout:
            if "carried" in line:
                break
        command.send_signal(signal.SIGINT)
        assert command.wait(SECONDS) == 130
        assert "Nothing half is left" in command.stderr.read()
    root = slurm_site_b.work / "environments"
    assert not list(root.glob(".*"))
    saved = broker.state / "config" / "continuum" / "profiles" / "siteb.json"
    assert json.loads(saved.read_text())["python"] == "/usr/bin/python3"


def test_a_refused_launch_names_the_command_and_the_dry_run_shows_the_rows(
    broker: Any, slurm_site_b: SlurmSite
) -> None:
    from jupyter_continuum.broker.client import call_broker

    asked = profile(slurm_site_b, "/usr/bin/python3").model_dump(mode="json")  # type: ignore[arg-type]
    assert call_broker("connect", profile=asked)["state"] == "ready"
    ran = continuum("launch", "--on", "siteb/cpu")
    assert ran.status == 1
    assert "`jupyter continuum prepare siteb`" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    shown = continuum("launch", "--on", "siteb/cpu", "--dry-run")
    assert shown.status == 0
    assert any(line.split()[:1] == ["dask"] for line in shown.out.splitlines())
    assert "does not fit" in shown.out
