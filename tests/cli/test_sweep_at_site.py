"""``jupyter continuum sweep --at SITE``: kernels in the jobs of an imitated site."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli import main
from tests.cli.commands import COMMAND, continuum, launch_span, names
from tests.cli.test_sweep import SECONDS, SUM, rows, sweep
from tests.runs.notebooks import SEEN, SPOILED, outputs, write


@pytest.fixture(scope="module")
def cluster(shared_broker: Any) -> str:
    return launch_span()


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kernels() -> list[psutil.Process]:
    """Processes of runs at the site, their warm processes included."""
    found = []
    for process in psutil.process_iter():
        try:
            words, environment = process.cmdline(), process.environ()
        except psutil.Error:
            continue
        if "JC_JOB_FOLDER" in environment and "jupyter_continuum.runs.sweep.server" in words:
            found.append(process)
    return found


AT_SITE = "import os\njc.record('job', os.environ['JC_JOB_FOLDER'])"
FRAIL = (
    "import os, signal\nfrom pathlib import Path\nimport psutil\n"
    "if n == 2: raise ValueError('bad')\n"
    "if n == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
    "once = Path(folder, 'lost')\n"
    "if n == 4 and not once.exists():\n"
    "    once.touch(); psutil.Process().parents()[2].kill(); import time; time.sleep(600)"
)


def test_runs_at_a_site_are_strangers_to_each_other_and_use_their_cluster(
    cluster: str, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", SEEN, AT_SITE, SUM, SPOILED)
    ran = sweep(*(str(notebook), "-p", "n", "1:2", "--on", cluster, "--at", "lab", "--jobs", "1"))
    assert (ran.status, ran.err) == (0, "")
    found = rows(tmp_path / "a-sweep")
    assert [(row["site"], row["outputs.total"]) for row in found] == [("lab", "4"), ("lab", "5")]
    assert {row["attempts"] for row in found} == {"1"}
    assert all(row["outputs.job"] for row in found)
    first, second = (json.loads(row["outputs.seen"]) for row in found)
    assert {name for name in first if first[name] != second[name]} == set()
    drawn = [value for row in found for value in json.loads(row["outputs.drawn"])]
    assert len(set(drawn)) == 6
    assert "seen = " in (tmp_path / "a-sweep" / "notebooks" / "1.ipynb").read_text()
    assert kernels() == []


def test_a_cell_a_kernel_and_a_worker_that_fail_end_no_sweep(cluster: str, tmp_path: Path) -> None:
    notebook = write(tmp_path / "a.ipynb", FRAIL, parameters="n = 0\nfolder = ''")
    (tmp_path / "p.json").write_text(json.dumps({"folder": str(tmp_path)}))
    ran = sweep(
        *(str(notebook), "-p", "n", "1:5", "--on", cluster, "--at", "lab/lab", "--jobs", "1"),
        *("--parameters", str(tmp_path / "p.json")),
    )
    assert ran.status == 1
    assert "2 of 5 runs did not complete, first run 2" in ran.err
    assert "ValueError: bad" in ran.err
    found = rows(tmp_path / "a-sweep")
    assert [(row["status"], row["attempts"]) for row in found] == [
        ("completed", "1"),
        ("failed", "1"),
        ("died", "2"),
        ("completed", "2"),
        ("completed", "1"),
    ]
    assert "ernel died" in found[2]["error"] or "DeadKernelError" in found[2]["error"]
    assert "ValueError: bad" in outputs(tmp_path / "a-sweep" / "notebooks" / "2.ipynb")
    assert kernels() == []


BOUNDED = (
    "import jupyter_continuum as jc\nfrom jupyter_continuum.runs.sweep import on_node\n"
    "most = 1000 if n == 1 else on_node.MOST_BYTES\n"
    "def bound(): on_node.MOST_BYTES = most\n"
    "with jc.attach().get_client() as client: client.run(bound)"
)
"""Sets the bound in the worker, in run 1 to what no notebook keeps, then back."""


def test_a_notebook_that_is_too_large_stays_at_the_site(cluster: str, tmp_path: Path) -> None:
    notebook = write(tmp_path / "a.ipynb", BOUNDED)
    ran = sweep(*(str(notebook), "-p", "n", "1:2", "--on", cluster, "--at", "lab", "--jobs", "1"))
    assert ran.status == 1
    found = rows(tmp_path / "a-sweep")
    assert [row["status"] for row in found] == ["failed", "completed"], found
    assert "do not come back. Write large results to a file at the site." in found[0]["error"]
    kept = [path.name for path in (tmp_path / "a-sweep" / "notebooks").iterdir()]
    assert kept == ["2.ipynb"]


WAITS = (
    "import os, time\nfrom pathlib import Path\n"
    "if n == 2:\n"
    "    Path(folder, 'begun').touch()\n"
    "    time.sleep(600)"
)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_kernel_outlives_its_sweep(
    cluster: str, tmp_path: Path, number: int, status: int
) -> None:
    running = begun(tmp_path, "--on", cluster)
    try:
        assert kernels()
        running.send_signal(number)
        _, err = running.communicate(timeout=SECONDS)
    finally:
        running.kill()
    assert running.returncode == status, err
    until(lambda: kernels() == [])
    if number == signal.SIGINT:
        assert "The sweep was interrupted" in err
        assert [row["run"] for row in rows(tmp_path / "a-sweep")] == ["1"]


def begun(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A sweep whose second run is under way."""
    notebook = write(folder / "a.ipynb", WAITS, parameters=f"n = 0\nfolder = {str(folder)!r}")
    running = subprocess.Popen(
        [*COMMAND, "sweep", str(notebook), "-p", "n", "1:3", "--at", "lab", "--jobs", "1", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: (folder / "begun").exists() or running.poll() is not None)
    return running


def test_when_the_site_is_lost_what_has_ended_is_kept_and_the_rest_runs_later(
    cluster: str, tmp_path: Path
) -> None:
    ran = continuum("launch", "--on", "lab/cpu", "--name", "lost")
    assert ran.status == 0, ran.err
    running = begun(tmp_path, "--on", "lost")
    try:
        call_broker("scale", name="lost", group="lab", jobs=0)
        _, err = running.communicate(timeout=SECONDS)
    finally:
        running.kill()
        call_broker("stop", name="lost")
    assert running.returncode == 1, err
    assert "lab is lost to this sweep" in err
    assert "the same command runs what is missing" in err
    assert len(err.strip().splitlines()) == 1
    assert [row["run"] for row in rows(tmp_path / "a-sweep")] == ["1"]
    assert names() == [cluster]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--on", "span", "--at", "nowhere"), "no workers there, but at lab/lab"),
        (("--on", "span", "--at", "lab/other"), "no workers there, but at lab/lab"),
        (("--on", "lab/cpu", "--at", "nowhere"), "no workers there, but at lab"),
        (("--on", "site/theirs", "--at", "site"), "offers"),
    ],
)
def test_a_place_without_workers_is_one_sentence(
    cluster: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    notebook = write(tmp_path / "a.ipynb")
    assert main(["sweep", str(notebook), "-p", "n", "1:2", *words]) == 1
    err = capsys.readouterr().err
    assert len(err.strip().splitlines()) == 1, err
    assert said in err
    assert names() == ["span"]


def test_an_environment_without_kernels_is_told_before_the_first_run(
    cluster: str, tmp_path: Path, worker_python: Path
) -> None:
    settings = "queue_seconds=0,delay_ms=1,nodes=1,cpus_per_node=1,country=NO"
    ran = continuum(
        "connect", "bare", "--emulated", settings, "--python", str(worker_python), "--yes"
    )
    assert ran.status == 0, ran.err
    notebook = write(tmp_path / "a.ipynb")
    ran = sweep(str(notebook), "-p", "n", "1:2", "--on", "bare/cpu", "--at", "bare")
    assert ran.status == 1
    assert (
        "the worker environment has no ipykernel and no papermill, which kernels there need. "
        "`jupyter continuum prepare bare --with ipykernel --with papermill`"
    ) in ran.err
    assert not (tmp_path / "a-sweep").exists()
    assert names() == [cluster]
