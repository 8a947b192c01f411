"""``jupyter continuum run``, as a person runs it: real broker, imitated site, real kernels."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.broker.conftest import broker_with_lease, processes
from tests.cli.commands import COMMAND, Ran, connect_lab, continuum, launch_span, names, told
from tests.runs.notebooks import SUM, outputs, signals_its_run, write

RUN_SECONDS = 180
"""A launch, a kernel and an end, on a machine that does much else."""


@pytest.fixture(scope="module")
def cluster(shared_broker: Any) -> str:
    return launch_span()


def run(*words: str) -> Ran:
    return continuum("run", *words, seconds=RUN_SECONDS)


@contextmanager
def begun(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The command, under way."""
    running = subprocess.Popen(
        [*COMMAND, "run", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        try:
            yield running
        finally:
            running.kill()


def until(met: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while not met():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_notebook_runs_on_a_cluster_of_its_own(cluster: str, tmp_path: Path) -> None:
    notebook = write(
        tmp_path / "sum {n}.ipynb",
        SUM,
        "import os\nprint(k, os.getcwd())",
        parameters="n = 3\nk = None",
    )
    (tmp_path / "p.yaml").write_text("n: 1\nk: text")
    (tmp_path / "plan.yaml").write_text(
        "name: own\ngroups: [{offer: lab/cpu}]\npolicy: {max_carbon_kg: 5}"
    )
    said = told(
        *("run", str(notebook), "--on", str(tmp_path / "plan.yaml"), "--accept", "lab:carbon_kg"),
        *("--parameters", str(tmp_path / "p.yaml"), "-p", "n", "39"),
        seconds=RUN_SECONDS,
    )
    assert (said["state"], said["cluster"], said["reason"]) == ("completed", "own", "")
    assert [cell["state"] for cell in said["cells"]] == ["done"] * 4
    assert [cell["number"] for cell in said["cells"]] == [1, 2, 3, 4]
    assert f"sum 42\ntext {tmp_path}\n" in outputs(Path(said["output"]))
    assert Path(said["output"]).name.startswith("sum {n}-run-20")
    assert names() == ["span"]
    check_record(said, notebook)


def check_record(said: dict[str, Any], notebook: Path) -> None:
    """It lies beside the result, and `jupyter continuum record` has the cluster's still."""
    path = Path(said["record"])
    assert path == Path(said["output"]).with_suffix(".record.json")
    record = json.loads(path.read_text())
    run = record["notebook"]
    assert (run["parameters"], run["state"], run["cells_run"]) == (
        {"n": 39, "k": "text"},
        "completed",
        4,
    )
    for digest, file in ((run["sha256"], notebook), (run["output_sha256"], Path(said["output"]))):
        assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (record["complete"], record["cluster"]["state"]) == (True, "stopped")
    assert record["totals"]["wall_hours"]["value"] > 0
    accepted = [each["said"] for each in record["policy"]["findings"] if
                each["verdict"] == "accepted"]  # fmt: skip
    assert len(accepted) == 1
    assert accepted[0].endswith("Accepted for this launch.")
    assert str(notebook.parent) not in path.read_text()
    assert "Run record of sum {n}-run-" in path.with_suffix(".html").read_text()
    views = {view["name"]: view for view in told("record")}
    assert views["own"]["id"] == record["cluster"]["id"]
    assert views["span"]["ended"] is None
    again = told("record", "own")
    assert again["cluster"] == record["cluster"]
    assert again["notebook"] is None
    ran = continuum("record", "own", "-o", str(notebook.with_name("own")))
    assert ran.status == 0, ran.err
    assert notebook.with_name("own.record.html").is_file()
    unknown = continuum("record", "nobody")
    assert (unknown.status, "no record of a cluster 'nobody'" in unknown.err) == (1, True)


def test_each_cell_is_a_line(cluster: str, tmp_path: Path) -> None:
    notebook, output = (
        write(tmp_path / "a.ipynb", "# why\nx = 1", "", "raise SystemExit"),
        "b.ipynb",
    )
    ran = run(str(notebook), "-o", str(tmp_path / output), "--on", cluster)
    assert (ran.status, ran.err) == (0, "")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert lines[0] == "lab: ready, 1 of 1 workers"
    assert [line.split(" s ")[1] for line in lines[1:4]] == ["n = 3", "x = 1", "raise SystemExit"]
    assert lines[1].startswith("cell 1 of 3 done")
    page = tmp_path / "b.record.html"
    assert lines[4:] == [f"Done: {tmp_path / output}", f"Record: {page}"]
    assert "and served others, too" in page.read_text()


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (
            "y = 1\nraise ValueError('bad')",
            "a.ipynb: cell 3 of 4 failed: ValueError: bad, at line 2: raise ValueError('bad').",
        ),
        ("import os\nos.kill(os.getpid(), 9)", "cell 3 of 4 failed: DeadKernelError: the kernel"),
    ],
)
def test_a_cell_that_fails_is_told_with_the_partial_notebook(
    cluster: str, tmp_path: Path, cell: str, said: str
) -> None:
    notebook = write(tmp_path / "a.ipynb", "print('first')", cell, "print('never')")
    ran = run(str(notebook), "-o", str(tmp_path / "b.ipynb"), "--on", cluster)
    assert ran.status == 1
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    assert said in ran.err
    assert f"The partial notebook is {tmp_path / 'b.ipynb'}." in ran.err
    assert "first\n" in outputs(tmp_path / "b.ipynb")
    assert "never" not in outputs(tmp_path / "b.ipynb")
    assert names() == ["span"]


def test_a_kernel_that_is_still_busy_with_its_last_cell_ends_without_a_word(
    cluster: str, tmp_path: Path
) -> None:
    cell = (
        "import time\n"
        "get_ipython().kernel._abort_queues = lambda *_: time.sleep(2)  # after it has answered\n"
        "raise ValueError('bad')"
    )
    ran = run(str(write(tmp_path / "a.ipynb", cell)), "--on", cluster)
    assert ran.status == 1
    assert ran.err.startswith("jupyter continuum: a.ipynb: cell 2 of 2 failed: ValueError: bad")
    assert len(ran.err.strip().splitlines()) == 1, ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.ipynb",), "no notebook"),
        (("text.ipynb",), "it is not JSON"),
        (("a.ipynb", "-p", "m", "3"), "has no parameter 'm'. It has: n."),
        (("untagged.ipynb", "-p", "n", "3"), "no cell tagged `parameters`"),
        (("a.ipynb", "--kernel", "fortran"), "no kernel 'fortran'"),
        (("a.ipynb", "-o", "/proc/self/b.ipynb"), "cannot be written"),
        (("a.ipynb", "-o", "text.ipynb"), "say --force"),
        (("a.ipynb", "-o", "a.ipynb", "--force"), "the notebook itself"),
        (("a.ipynb", "--parameters", "none.yaml"), "none.yaml"),
        (("a.ipynb", "--on", "none.yaml"), "none.yaml"),
        (("a.ipynb", "--on", "nowhere/cpu"), "nowhere/cpu"),
        (("a.ipynb", "--on", "nothing"), "no cluster 'nothing'"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_launched_or_written(
    cluster: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.ipynb")
    write(tmp_path / "untagged.ipynb", parameters=None)
    (tmp_path / "text.ipynb").write_text("text")
    before = sorted(tmp_path.iterdir())
    ran = run("--on", "lab/cpu", *words) if "--on" not in words else run(*words)
    assert ran.status == 1
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    assert said in ran.err
    assert sorted(tmp_path.iterdir()) == before
    assert names() == ["span"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_cluster_and_keeps_what_it_has(
    cluster: str, tmp_path: Path, number: signal.Signals
) -> None:
    notebook, output = write(tmp_path / "a.ipynb", signals_its_run(number)), tmp_path / "b.ipynb"
    ran = run(str(notebook), "-o", str(output), "--on", "lab/cpu")
    assert ran.status == 130, ran.err
    assert "The run was interrupted" in ran.err
    assert f"The partial notebook is {output}" in ran.out
    assert "KeyboardInterrupt: the run was interrupted" in outputs(output)
    assert names() == ["span"]


def test_a_run_that_is_interrupted_while_it_waits_in_a_queue_leaves_nothing(
    cluster: str, tmp_path: Path
) -> None:
    slow = "queue_seconds=600,delay_ms=1"
    assert continuum("connect", "slow", "--emulated", slow, "--yes").status == 0
    with begun(str(write(tmp_path / "a.ipynb")), "--on", "slow/cpu") as running:
        until(lambda: len(names()) == 2, running)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=RUN_SECONDS)
    assert running.returncode == 130
    assert names() == ["span"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.ipynb"]


@pytest.fixture
def short_lease(state: Path) -> Iterator[Path]:
    with broker_with_lease(10, state / "log"):
        connect_lab()
        yield state / "log"


def test_a_run_that_is_killed_leaves_nothing(short_lease: Path, tmp_path: Path) -> None:
    cell = signals_its_run(signal.SIGKILL)
    notebook, output = write(tmp_path / "a.ipynb", cell), tmp_path / "b.ipynb"
    ran = run(str(notebook), "-o", str(output), "--on", "lab/cpu")
    assert ran.status == -signal.SIGKILL
    deadline = time.monotonic() + RUN_SECONDS
    while names() or processes():
        assert time.monotonic() < deadline, (names(), processes())
        time.sleep(0.1)
    assert "Whoever held it went away without a word, for 10 s." in short_lease.read_text()
    assert json.loads(output.read_text())["metadata"]["papermill"]["end_time"] is None
