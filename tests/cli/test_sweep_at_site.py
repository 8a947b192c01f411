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
from jupyter_continuum.workbench.cluster import Cluster
from tests.cli.commands import COMMAND, continuum, launch_span, names
from tests.cli.test_sweep import SECONDS, SUM, rows, sweep
from tests.conftest import RunningBroker
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
    "import jupyter_continuum as jc\nfrom jupyter_continuum.runs.sweep import node\n"
    "most = 1000 if n == 1 else node.MOST_BYTES\n"
    "def bound(): node.MOST_BYTES = most\n"
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
    # Of run 1 there may be what came back while it went on.
    assert (tmp_path / "a-sweep" / "notebooks" / "2.ipynb").exists()


SECRET = "hunter2-e1f6"
GIVEN = """
import os, subprocess
import jct_sent, jct_uploaded
from pathlib import Path
jc.record("sent", jct_sent.value + int(Path("data/one.txt").read_text()))
jc.record("uploaded", jct_uploaded.value)
jc.record("key", os.environ.get("JCT_KEY", "").endswith("e1f6"))
child = subprocess.run(["sh", "-c", "echo $JCT_KEY"], capture_output=True)
jc.record("child", child.stdout != b"\\n")
def of(path):
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return b""
of_processes = b"".join(
    of(path)
    for pattern in ("[0-9]*/cmdline", "self/environ", f"{os.getppid()}/environ")
    for path in Path("/proc").glob(pattern)
)
jc.record("shown", ("hunter2" + "-e1f6").encode() in of_processes)
with jc.attach().get_client() as client:
    client.sync(client.scheduler.continuum_revoke)
"""
"""In run 2 the credentials that run 1 had are taken back."""


def test_files_uploaded_code_and_credentials_reach_kernels_at_a_site(
    cluster: str, shared_broker: RunningBroker, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", "import jupyter_continuum as jc", GIVEN)
    words = (str(notebook), "-p", "n", "1:2", "--on", cluster, "--at", "lab", "--jobs", "1")
    (tmp_path / "jct_sent.py").write_text("value = 40")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.txt").write_text("2")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "jct_uploaded.py").write_text("value = 7")
    span = Cluster(cluster)
    span.upload(tmp_path / "elsewhere" / "jct_uploaded.py")
    ran = sweep(*words)
    assert ran.status == 1
    assert "lab: the notebook imports jct_sent from its own folder, which is not there." in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    span.share_credentials({"JCT_KEY": SECRET})
    files = ("--with", str(tmp_path / "jct_sent.py"), "--with", str(tmp_path / "data"))
    ran = sweep(*words, *files)
    assert (ran.status, ran.err) == (0, "")
    found = rows(tmp_path / "a-sweep")
    assert [row["outputs.sent"] for row in found] == ["42", "42"]
    assert [row["outputs.uploaded"] for row in found] == ["7", "7"]
    assert [row["outputs.key"] for row in found] == ["true", "false"]
    assert [row["outputs.child"] for row in found] == ["true", "false"]
    assert [row["outputs.shown"] for row in found] == ["false", "false"]
    of_us = [path for path in (tmp_path, shared_broker.state) for path in path.rglob("*")]
    assert not [path for path in of_us if path.is_file() and SECRET in read(path)]


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:  # of something that ended just now
        return ""


WAITS = (
    "import os, time\nfrom pathlib import Path\n"
    "with Path(folder, 'began').open('a') as file: file.write(f'{n} ')\n"
    "print('so far')",
    "if n == 2 and not Path(folder, 'go').exists():\n"
    "    Path(folder, 'begun').touch()\n"
    "    time.sleep(600)",
)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_kernel_outlives_its_sweep(
    cluster: str, tmp_path: Path, number: int, status: int
) -> None:
    running = begun(tmp_path, "--on", cluster)
    partial = tmp_path / "a-sweep" / "notebooks" / "2.ipynb"
    try:
        assert kernels()
        if number == signal.SIGKILL:
            # It comes every few seconds, first perhaps from before the cell had said anything.
            until(lambda: partial.exists() and "so far" in outputs(partial))
        running.send_signal(number)
        _, err = running.communicate(timeout=SECONDS)
    finally:
        running.kill()
    assert running.returncode == status, err
    until(lambda: kernels() == [])
    assert "so far" in outputs(partial)
    if number == signal.SIGINT:
        assert "The sweep was interrupted" in err
        assert "the run was interrupted" in outputs(partial)
        assert [row["run"] for row in rows(tmp_path / "a-sweep")] == ["1"]


def begun(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A sweep whose second run is under way."""
    notebook = write(folder / "a.ipynb", *WAITS, parameters=f"n = 0\nfolder = {str(folder)!r}")
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
    running = begun(tmp_path, "--on", "lost", "--retries", "0")
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
    first, second = rows(tmp_path / "a-sweep")
    assert [each["status"] for each in (first, second)] == ["completed", "died"]
    assert "that had this run was lost: its job " in second["error"], second
    assert names() == [cluster]
    (tmp_path / "go").touch()
    words = ("-p", "n", "1:3", "--on", cluster, "--at", "lab", "--retry-errors", "--resume")
    ran = sweep(str(tmp_path / "a.ipynb"), *words)
    assert (ran.status, ran.err) == (0, "")
    assert sorted((tmp_path / "began").read_text().split()) == ["1", "2", "2", "3"]


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
