"""``jupyter continuum sweep``, as a person runs it: real broker, imitated site, real kernels."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.cli import main
from jupyter_continuum.runs.sweep.view import look
from tests.cli.commands import COMMAND, Ran, continuum, launch_span, names
from tests.runs.notebooks import outputs, write

SECONDS = 240
"""Of a sweep, on a machine that does much else."""


@pytest.fixture(scope="module")
def cluster(shared_broker: Any) -> str:
    return launch_span()


def sweep(*words: str) -> Ran:
    return continuum("sweep", *words, seconds=SECONDS)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "runs.csv").open() as file:
        return list(csv.DictReader(file))


SUM = (
    "import jupyter_continuum as jc\n"
    "with jc.attach().get_client() as client:\n"
    "    total = client.submit(sum, [1, 2, n]).result(timeout=60)\n"
    "jc.record('total', total)"
)
FRAIL = (
    "import os\nfrom pathlib import Path\n"
    "if n == 2: raise ValueError('bad')\n"
    "if n == 3:\n"
    "    try: Path('died').touch(exist_ok=False)\n"
    "    except FileExistsError: pass\n"
    "    else: os.kill(os.getpid(), 9)"
)


def test_all_combinations_run_on_a_cluster_of_their_own_and_a_failure_ends_none(
    cluster: str, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a {n}.ipynb", SUM, FRAIL, parameters="n = 0\nk = None\nfixed = 0")
    (tmp_path / "p.yaml").write_text("fixed: 5")
    plan = tmp_path / "plan.yaml"
    plan.write_text("groups: [{offer: lab/cpu}]\npolicy: {max_carbon_kg: 5}")
    ran = sweep(
        *(str(notebook), "-p", "n", "1:3", "-p", "k", "x,[1]", "--on", str(plan)),
        *("--accept", "lab:carbon_kg"),
        *("--parameters", str(tmp_path / "p.yaml"), "--json"),
    )
    folder = tmp_path / "a {n}-sweep"
    assert ran.status == 1
    assert json.loads(ran.out) == {
        "notebook": str(notebook),
        "output": str(folder),
        "table": str(folder / "runs.csv"),
        "runs": 6,
        "completed": 4,
        "failed": 2,
        "died": 0,
    }
    assert (
        "2 of 6 runs did not complete, first run 3 (fixed=5, n=2, k=x): cell 4 of 4 failed: "
        in (ran.err)
    )
    assert "6 of 6 runs, 2 failed" in ran.err
    seen = look(folder)
    assert (seen.total, seen.ended, seen.going) == (6, 6, False)
    assert json.loads((folder / "progress.json").read_text())["progress"]["ended"] == 6
    found = rows(folder)
    assert [row["outputs.total"] for row in found] == ["4", "4", "5", "5", "6", "6"]
    assert [row["params.k"] for row in found] == ["x", "[1]"] * 3
    assert [row["status"] for row in found] == [*("completed",) * 2, *("failed",) * 2] + [
        "completed"
    ] * 2
    assert sorted(row["attempts"] for row in found) == ["1"] * 5 + ["2"]
    assert {(row["site"], row["energy_kwh"]) for row in found} == {("local", "")}
    assert (folder / "runs.parquet").exists()
    record = json.loads((folder / "sweep.record.json").read_text())
    assert [record["sweep"][each] for each in ("runs", "completed", "failed")] == [6, 4, 2]
    assert record["sweep"]["axes"] == {"n": [1, 2, 3], "k": ["x", [1]]}
    assert record["sweep"]["runs_here"] == [1, 2, 3, 4, 5, 6]
    assert record["cluster"]["state"] == "stopped"
    assert "1 unknown claims were accepted" in record["policy"]["said"]
    assert "as the sweep's own is" in record["sweep"]["energy_of_runs"]
    assert "the sweep of a {n}.ipynb" in (folder / "sweep.record.html").read_text()
    assert "ValueError: bad" in outputs(folder / "notebooks" / "3.ipynb")
    assert names() == ["span"]


COUNTED = (
    "import time\nfrom pathlib import Path\n"
    "with open('begun', 'a') as file: file.write(f'{n}\\n')\n"
    "if n > 2 and not Path('go').exists():\n"
    "    import os, signal\n"
    "    while n == 4 and '3' not in Path('begun').read_text().split(): time.sleep(0.01)\n"
    "    if n == 4: os.kill(int(Path('pid').read_text()), signal.SIGKILL)\n"
    "    time.sleep(600)"
)


def test_after_kill_9_only_what_was_not_finished_is_run_again(cluster: str, tmp_path: Path) -> None:
    """Runs 1 and 2 end; 4 kills the sweep when 3 has begun, too."""
    notebook = write(tmp_path / "a.ipynb", COUNTED)
    words = [str(notebook), "-p", "n", "1:5", "--on", cluster, "--jobs", "2"]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen([*COMMAND, "sweep", *words], stdout=log, stderr=log)
    try:
        (tmp_path / "pid").write_text(str(running.pid))
        assert running.wait(SECONDS) == -signal.SIGKILL, (tmp_path / "log").read_text()
    finally:
        running.kill()
    first = (tmp_path / "begun").read_text().split()
    assert sorted(first) == ["1", "2", "3", "4"]
    folder = tmp_path / "a-sweep"
    records = folder / "records"
    finished = {path.stem for path in records.glob("*.json")}
    assert finished == {"1", "2"}

    (tmp_path / "go").touch()
    ran = sweep(*words, "--resume")
    assert (ran.status, ran.err) == (0, "")
    assert f"Done: {folder / 'runs.csv'}" in ran.out
    told = json.loads((folder / "sweep.record.json").read_text())["sweep"]
    assert (told["runs_here"], told["runs_of_no_record"]) == ([3, 4, 5], [1, 2])
    again = (tmp_path / "begun").read_text().split()[len(first) :]
    assert sorted(again) == ["3", "4", "5"]
    assert [row["status"] for row in rows(folder)] == ["completed"] * 5
    assert main(["sweep", *words]) == 0
    assert (tmp_path / "begun").read_text().split() == [*first, *again]


def test_an_interrupted_sweep_ends_its_cluster_and_keeps_what_has_ended(
    cluster: str, tmp_path: Path
) -> None:
    cell = (
        "import os, signal, time\nfrom pathlib import Path\n"
        "if n == 2:\n    os.kill(int(Path('pid').read_text()), signal.SIGINT)\n    time.sleep(600)"
    )
    notebook = write(tmp_path / "a.ipynb", cell)
    running = subprocess.Popen(
        [*COMMAND, "sweep", str(notebook), "-p", "n", "1:3", "--on", "lab/cpu", "--jobs", "1"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        (tmp_path / "pid").write_text(str(running.pid))
        _, err = running.communicate(timeout=SECONDS)
    finally:
        running.kill()
    assert running.returncode == 130, err
    assert "The sweep was interrupted" in err
    assert "The same command runs what is missing." in err
    assert [row["run"] for row in rows(tmp_path / "a-sweep")] == ["1"]
    assert "the run was interrupted" in outputs(tmp_path / "a-sweep" / "notebooks" / "2.ipynb")
    assert names() == ["span"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.ipynb", "-p", "n", "1:2"), "no notebook"),
        (("a.ipynb",), "A sweep needs parameters"),
        (("a.ipynb", "-p", "m", "1:2"), "has no parameter 'm'. It has: n."),
        (("untagged.ipynb", "-p", "n", "1:2"), "no cell tagged `parameters`"),
        (("a.ipynb", "-p", "n", "2:1"), "it ends before it starts"),
        (("a.ipynb", "-p", "n", "1:100001"), "more than 100,000 values"),
        (("a.ipynb", "-p", "n", "1:2", "--kernel", "fortran"), "no kernel 'fortran'"),
        (("a.ipynb", "-p", "n", "1:2", "--output", "/proc/self/x"), "cannot be written"),
        (("a.ipynb", "-p", "n", "1:2", "--output", "a.ipynb"), "is a file"),
        (("a.ipynb", "-p", "n", "1:2", "--resume"), "no sweep to go on with"),
        (("a.ipynb", "-p", "n", "1:2", "--jobs", "0"), "--jobs is at least 1"),
        (("a.ipynb", "-p", "n", "1:2", "--on", "nothing"), "no cluster 'nothing'"),
        (("a.ipynb", "-p", "n", "1:2", "--on", "none.yaml"), "none.yaml"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_started_or_written(
    cluster: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.ipynb")
    write(tmp_path / "untagged.ipynb", parameters=None)
    before = sorted(tmp_path.iterdir())
    assert main(["sweep", *words]) == 1
    err = capsys.readouterr().err
    assert len(err.strip().splitlines()) == 1, err
    assert said in err
    assert sorted(tmp_path.iterdir()) == before
