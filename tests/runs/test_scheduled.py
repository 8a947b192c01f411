"""Jobs of the real jupyter-scheduler, on a real broker and an imitated site."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import jupyter_continuum
from jupyter_continuum.broker.client import call_broker
from tests.broker.conftest import all_ready, emulated, wait_for
from tests.conftest import RunningBroker
from tests.runs.notebooks import SUM, outputs, write
from tests.server.jupyter_process import JupyterServer

JOB_SECONDS = 180
CONFIG = """
c.Scheduler.execution_manager_class = (
    "jupyter_continuum.runs.scheduled.ContinuumExecutionManager"
)
c.Scheduler.staging_path = {staging!r}
c.SchedulerApp.db_url = {database!r}
c.SchedulerApp.environment_manager_class = (
    "jupyter_scheduler.environments.StaticEnvironmentManager"
)
"""


@pytest.fixture(scope="module")
def scheduler(
    shared_broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    profile = emulated("lab", nodes=4) | {"python": sys.executable}
    assert call_broker("connect", profile=profile)["state"] == "ready"
    call_broker("launch", plan={"name": "span", "groups": [{"offer": "lab/cpu"}]})
    wait_for("span", all_ready)
    home = tmp_path_factory.mktemp("scheduler") / "home"
    config = CONFIG.format(
        staging=str(home / "staging"), database=f"sqlite:///{home / 'jobs.sqlite'}"
    )
    running = JupyterServer(
        home,
        Path(os.environ["JUPYTER_DATA_DIR"]),
        config=config,
        scheduler=True,
        env={"JUPYTER_RUNTIME_DIR": os.environ["JUPYTER_RUNTIME_DIR"]},  # the broker's
    )
    yield running
    running.close()


def ran(server: JupyterServer, notebook: Path, **fields: Any) -> tuple[dict[str, Any], Path]:
    """A job that has ended, and the folder that it ran in."""
    home = server.log.parent
    job = {
        "name": "a",
        "input_uri": str(notebook.relative_to(home)),
        "runtime_environment_name": "any",
        "output_formats": ["ipynb", "html"],
    }
    status, made = server.ask("POST", "/scheduler/jobs", job | fields)
    assert status == 200, made
    deadline = time.monotonic() + JOB_SECONDS
    while time.monotonic() < deadline:
        _, found = server.ask("GET", f"/scheduler/jobs/{made['job_id']}")
        if found["status"] in ("COMPLETED", "FAILED"):
            return found, home / "staging" / made["job_id"]
        time.sleep(0.2)
    raise AssertionError(f"{found}\n{server.log.read_text()[-4000:]}")


def test_a_job_runs_on_the_cluster_that_its_parameter_names(scheduler: JupyterServer) -> None:
    notebook = write(scheduler.log.parent / "a.ipynb", SUM)
    job, folder = ran(scheduler, notebook, parameters={"n": "4", "JUPYTER_CONTINUUM_ON": "span"})
    assert job["status"] == "COMPLETED", job["status_message"]
    (output,) = set(folder.glob("*.ipynb")) - {folder / "a.ipynb"}
    assert "sum 7" in outputs(output)
    assert (folder / output.with_suffix(".html").name).exists()
    (record,) = folder.glob("*.json")
    assert json.loads(record.read_text())["notebook"]["parameters"] == {"n": 4}


def test_a_job_that_fails_keeps_its_notebook_and_its_plan_ends_with_it(
    scheduler: JupyterServer,
) -> None:
    home = scheduler.log.parent
    notebook = write(home / "b.ipynb", SUM, "raise ValueError('bad')", "print('never')")
    plan = {"name": "own", "groups": [{"offer": "lab/cpu"}]}
    (home / "plan.yaml").write_text(yaml.safe_dump(plan))
    on = {"JUPYTER_CONTINUUM_ON": "plan.yaml"}
    job, folder = ran(scheduler, notebook, runtime_environment_parameters=on)
    assert job["status"] == "FAILED"
    assert job["status_message"].startswith("b.ipynb: cell 3 of 4 failed: ValueError: bad")
    (output,) = set(folder.glob("*.ipynb")) - {folder / "b.ipynb"}
    assert "sum 6" in outputs(output)
    assert "never" not in outputs(output)
    (record,) = folder.glob("*.json")
    assert json.loads(record.read_text())["notebook"]["state"] == "failed"
    assert [view["name"] for view in call_broker("clusters")] == ["span"]


def test_a_parameter_that_the_notebook_lacks_fails_the_job_with_a_sentence(
    scheduler: JupyterServer,
) -> None:
    notebook = write(scheduler.log.parent / "c.ipynb", SUM)
    job, _ = ran(scheduler, notebook, parameters={"m": "4"})
    assert job["status"] == "FAILED"
    assert "m" in job["status_message"]
    assert "Traceback" not in job["status_message"]


def test_nothing_of_ours_needs_it() -> None:
    """Whoever has no jupyter-scheduler never comes across the module that does."""
    wanting = {
        path.name
        for path in Path(jupyter_continuum.__file__).parent.rglob("*.py")
        if re.search(r"jupyter_scheduler|runs\.scheduled|runs import scheduled", path.read_text())
    }
    assert wanting == {"scheduled.py"}
