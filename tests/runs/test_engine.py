"""Notebooks through papermill itself: a real broker, an imitated site, real kernels."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import papermill
import psutil
import pytest
from nbclient.exceptions import DeadKernelError

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import PlanRefused, Unknown
from tests.broker.conftest import all_ready, emulated, wait_for
from tests.conftest import RunningBroker
from tests.runs.notebooks import SUM, outputs, signals_its_run, write

PLAN = {"name": "own", "groups": [{"offer": "lab/cpu"}]}


@pytest.fixture(scope="module")
def standing(shared_broker: RunningBroker) -> RunningBroker:
    """A broker with one cluster, ``span``, for notebooks that need none of their own."""
    profile = emulated("lab", nodes=4) | {"python": sys.executable}
    assert call_broker("connect", profile=profile)["state"] == "ready"
    call_broker("launch", plan={"name": "span", "groups": [{"offer": "lab/cpu"}]})
    wait_for("span", all_ready)
    return shared_broker


@pytest.fixture
def told() -> list[str]:
    return []


def run(notebook: Path, told: list[str], **options: Any) -> Path:
    output = notebook.with_name("out.ipynb")
    papermill.execute_notebook(
        notebook,
        output,
        engine_name="continuum",
        progress_bar=False,
        tell=told.append,
        **options,
    )
    return output


def clusters() -> list[str]:
    return [view["name"] for view in call_broker("clusters")]


def kernels() -> list[psutil.Process]:
    """Those that this process has started and that still run."""
    found = []
    for each in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has ended; its status may wait to be read
            if "ipykernel" in str(each.cmdline()):
                found.append(each)
    return found


def test_a_plan_is_launched_for_the_notebook_and_ends_with_it(
    standing: RunningBroker, tmp_path: Path, told: list[str]
) -> None:
    seen = "import os\nprint(os.environ['JUPYTER_CONTINUUM_CLUSTER'], jc.attach().name)"
    notebook = write(tmp_path / "a.ipynb", SUM, seen)
    output = run(notebook, told, plan=PLAN, parameters={"n": 39})
    assert "sum 42\nown own\n" in outputs(output)
    assert clusters() == ["span"]
    assert call_broker("audit") == []
    assert any(line.startswith("lab: ") and "0 of 1 workers" in line for line in told)
    assert "lab: ready, 1 of 1 workers" in told
    assert told[-1] == "own: is being ended, with all its jobs."
    assert "JUPYTER_CONTINUUM_CLUSTER" not in os.environ


@pytest.mark.parametrize("named", ["engine", "environment", "nowhere"])
def test_a_cluster_that_is_there_is_used_and_stays(
    standing: RunningBroker,
    tmp_path: Path,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    named: str,
) -> None:
    if named == "environment":
        monkeypatch.setenv("JUPYTER_CONTINUUM_CLUSTER", "span")
    notebook = write(
        tmp_path / "a.ipynb", "import os\nprint(os.environ['JUPYTER_CONTINUUM_CLUSTER'])"
    )
    output = run(notebook, told, **({"cluster": "span"} if named == "engine" else {}))
    assert outputs(output) == "span\n"
    assert clusters() == ["span"]
    assert told == ["lab: ready, 1 of 1 workers"]


def test_what_cannot_be_is_refused_in_our_words(
    standing: RunningBroker, tmp_path: Path, told: list[str]
) -> None:
    notebook = write(tmp_path / "a.ipynb")
    with pytest.raises(PlanRefused, match="nowhere/cpu"):
        run(notebook, told, plan={"groups": [{"offer": "nowhere/cpu"}]})
    with pytest.raises(PlanRefused, match="No such file"):
        run(notebook, told, plan=tmp_path / "none.yaml")
    with pytest.raises(Unknown, match="no cluster 'x'"):
        run(notebook, told, cluster="x")
    assert clusters() == ["span"]


def test_the_partial_notebook_is_kept_when_the_kernel_dies(
    standing: RunningBroker, tmp_path: Path, told: list[str]
) -> None:
    die = "import os, signal\nprint('last words', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    notebook = write(tmp_path / "a.ipynb", "print('first')", die, "print('never')")
    with pytest.raises(DeadKernelError):
        run(notebook, told, cluster="span")
    kept = outputs(tmp_path / "out.ipynb")
    assert kept.startswith("first\n")
    assert "DeadKernelError: the kernel has ended" in kept
    assert "never" not in kept


def test_a_failed_cell_ends_the_cluster_and_an_interrupt_does(
    standing: RunningBroker, tmp_path: Path, told: list[str]
) -> None:
    """Both in one cluster's time each: what the run launched is gone when it returns."""
    notebook = write(tmp_path / "a.ipynb", "print('first')", "raise ValueError('bad')", "1")
    with pytest.raises(papermill.PapermillExecutionError, match="bad"):
        run(notebook, told, plan=PLAN)
    assert "first\nValueError: bad\n" in outputs(tmp_path / "out.ipynb")
    assert clusters() == ["span"]

    notebook = write(tmp_path / "b.ipynb", signals_its_run(signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run(notebook, told, plan=PLAN)
    assert signal.getsignal(signal.SIGTERM) is before
    assert "KeyboardInterrupt: the run was interrupted" in outputs(tmp_path / "out.ipynb")
    assert clusters() == ["span"]
    assert not kernels()


RENEWED = """
import time, psutil
from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.start import log_path
broker = psutil.Process(call_broker("version")["pid"])
broker.kill()
psutil.wait_procs([broker], timeout=10)
deadline = time.monotonic() + 60
while "own: The broker started anew" not in log_path().read_text():
    call_broker("version")
    assert time.monotonic() < deadline, "no later broker expects the holder"
while call_broker("cluster", name="own")["reason"]:
    assert time.monotonic() < deadline, "nobody holds the cluster"
"""


@pytest.fixture
def last(standing: RunningBroker) -> Iterator[None]:
    yield
    wait_for("span", all_ready)


def test_a_run_holds_its_cluster_again_after_the_broker_was_killed(
    last: None, tmp_path: Path, told: list[str]
) -> None:
    notebook = write(tmp_path / "a.ipynb", RENEWED, SUM)
    assert "sum 6" in outputs(run(notebook, told, plan=PLAN))
    assert clusters() == ["span"]
