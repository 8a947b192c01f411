"""Runs that are forked from one warm process: alike, strangers to each other, and gone in time."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import papermill
import psutil
import pytest
from traitlets.config import Config

import jupyter_continuum as jc
from jupyter_continuum.errors import RunError
from jupyter_continuum.paths import socket_dir
from jupyter_continuum.runs.kernel_transport import kernel_traits
from jupyter_continuum.runs.sweep.order import Ended, Order
from jupyter_continuum.runs.sweep.warm import Lost, Warm
from tests.conftest import own_state
from tests.runs.notebooks import SEEN, SPOILED, outputs, write

SECONDS = 120


@pytest.fixture(scope="module")
def sockets() -> Iterator[Path]:
    with own_state():
        yield socket_dir() / "warm"


@pytest.fixture(scope="module")
def warm(sockets: Path) -> Iterator[Warm]:
    with Warm(["numpy.random"], [], sockets=sockets, log=sockets.parent / "log") as started:
        started.wait_until_ready()
        yield started
    assert not sockets.exists()


def order(notebook: Path, number: int, sockets: Path, **fields: Any) -> Order:
    made = Order(
        number=number,
        notebook=str(notebook),
        output=str(notebook.with_name(f"out-{number}.ipynb")),
        parameters={"n": number},
        kernel="python3",
        language="python",
        cwd=str(notebook.parent),
        forked=True,
        native=False,
        sockets=str(sockets),
        env={},
        first=[],
        last=[],
    )
    made.update(fields)  # type: ignore[typeddict-item]
    return made


def next_ended(warm: Warm) -> tuple[int, Ended]:
    ended = warm.ended(SECONDS)
    assert ended is not None
    return ended


def run(warm: Warm, sockets: Path, notebook: Path, number: int) -> Ended:
    warm.run(order(notebook, number, sockets))
    ended_number, ended = next_ended(warm)
    assert ended_number == number
    return ended


def test_nothing_of_a_run_is_visible_in_the_next(warm: Warm, sockets: Path, tmp_path: Path) -> None:
    notebook = write(tmp_path / "a.ipynb", SEEN, SPOILED)
    ended = [run(warm, sockets, notebook, number) for number in (1, 2)]
    assert [each["state"] for each in ended] == ["completed"] * 2, ended
    first, second = (json.loads(each["outputs"]["seen"]) for each in ended)
    changed = {name for name in first if first[name] != second[name]}
    assert not changed, [(first[name], second[name]) for name in changed]
    assert first["environment"]["HOME"]
    drawn = [value for each in ended for value in each["outputs"]["drawn"]]
    assert len(set(drawn)) == 6
    assert math.isnan(ended[0]["outputs"]["nothing"])
    assert ended[0]["outputs"]["array"] == [0, 1]


def test_what_no_notebook_can_keep_is_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    jc.record("loss", 0.5)  # where there is no kernel
    assert capsys.readouterr().out == "loss = 0.5\n"
    for value in (object(), {"a": float("nan")}):
        with pytest.raises(RunError, match=r"record\('x'\): this \w+ cannot be kept"):
            jc.record("x", value)


RICH = """
from IPython.display import HTML, Image, display, update_display
import sys
print("out"); print("err", file=sys.stderr)
display(HTML("<b>bold</b>"), metadata={"text/html": {"isolated": True}})
handle = display("first", display_id="one"); handle.update("second")
{"a": n}
"""


def plain(output: Path) -> Any:
    """What of a notebook does not depend on when and where it ran."""
    notebook = json.loads(output.read_text())
    of_papermill = notebook["metadata"]["papermill"]
    for name in ("duration", "start_time", "end_time", "input_path", "output_path"):
        assert of_papermill.pop(name) is not None
    for cell in notebook["cells"]:
        cell["id"] = ""
        told = cell["metadata"].get("papermill", {})
        for name in ("duration", "start_time", "end_time"):
            told.pop(name, None)
        if "execution" in cell["metadata"]:
            cell["metadata"]["execution"] = sorted(cell["metadata"]["execution"])
    return notebook


def test_its_notebook_is_what_papermill_makes_of_it(
    warm: Warm, sockets: Path, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", RICH, "def f():\n    1 / 0\nf()", "'never'")
    ended = run(warm, sockets, notebook, 3)
    assert ended["state"] == "failed"
    assert (
        ended["error"] == "cell 4 of 5 failed: ZeroDivisionError: division by zero, at line 3: f()"
    )
    with pytest.raises(papermill.PapermillExecutionError):
        papermill.execute_notebook(
            notebook,
            tmp_path / "by-papermill.ipynb",
            parameters={"n": 3},
            progress_bar=False,
            cwd=tmp_path,
            config=Config({"KernelManager": kernel_traits("python3")}),
        )
    ours, papermills = (plain(tmp_path / f"{name}.ipynb") for name in ("out-3", "by-papermill"))
    for cell, expected in zip(ours.pop("cells"), papermills.pop("cells"), strict=True):
        assert cell == expected
    assert ours == papermills


def test_a_kernel_ends_as_a_program_does(warm: Warm, sockets: Path, tmp_path: Path) -> None:
    cell = (
        "import atexit\nfile = open('kept.txt', 'w')\nfile.write('not closed, ')\n"
        "atexit.register(lambda: file.write('but at exit'))"
    )
    assert run(warm, sockets, write(tmp_path / "a.ipynb", cell), 4)["state"] == "completed"
    assert (tmp_path / "kept.txt").read_text() == "not closed, but at exit"


def test_files_that_nobody_closed_are_written(warm: Warm, sockets: Path, tmp_path: Path) -> None:
    (tmp_path / "keeper.py").write_text("file = open('module.txt', 'w')\nfile.write('of a module')")
    cell = (
        "import keeper, threading, time\n"
        "shown = open('shown.txt', 'w')\nshown.write('shown')\n"
        "threading.Thread(target=lambda: time.sleep(60), daemon=True).start()"
    )
    ended = run(warm, sockets, write(tmp_path / "a.ipynb", cell, "shown"), 8)
    assert ended["state"] == "completed"
    assert (tmp_path / "module.txt").read_text() == "of a module"
    assert (tmp_path / "shown.txt").read_text() == "shown"


def test_a_module_beside_the_notebook_is_the_one_it_imports(
    warm: Warm, sockets: Path, tmp_path: Path
) -> None:
    (tmp_path / "tenacity.py").write_text("mine = True")  # papermill has imported the other one
    notebook = write(tmp_path / "a.ipynb", "import tenacity\nprint(tenacity.mine)")
    assert run(warm, sockets, notebook, 5)["state"] == "completed"
    assert outputs(tmp_path / "out-5.ipynb") == "True\n"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("import os\nos.kill(os.getpid(), 9)", "DeadKernelError|Kernel died"),
        ("import os\nos.kill(os.getppid(), 9)", "was killed by signal 9"),
    ],
)
def test_a_kernel_or_a_run_that_is_killed_is_told(
    warm: Warm, sockets: Path, tmp_path: Path, cell: str, said: str
) -> None:
    before = set(psutil.Process().children(recursive=True))
    ended = run(warm, sockets, write(tmp_path / "a.ipynb", "'kept'", cell), 6)
    assert ended["state"] == "died"
    assert re.search(said, ended["error"]), ended
    assert "'kept'" in (tmp_path / "out-6.ipynb").read_text()
    until(lambda: not (set(psutil.Process().children(recursive=True)) - before))


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


WAITS = (
    "from pathlib import Path\nimport os, time\n"
    "Path('pid').write_text(str(os.getpid()))\ntime.sleep(600)"
)


def test_a_kernel_of_another_python_is_started_as_ever(
    warm: Warm, sockets: Path, tmp_path: Path
) -> None:
    warm.run(order(write(tmp_path / "a.ipynb", "print(n)"), 7, sockets, forked=False))
    assert next_ended(warm)[1]["state"] == "completed"
    assert outputs(tmp_path / "out-7.ipynb") == "7\n"


def test_when_the_warm_process_is_killed_all_ends(sockets: Path, tmp_path: Path) -> None:
    """Its own, and with a module that starts a thread: each run imports that by itself."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    own = sockets.with_name("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path / "site"))
        with Warm(["threaded", "pyarrow"], [], sockets=own, log=tmp_path / "log") as warm:
            warm.wait_until_ready()
            assert warm.modules == ["pyarrow"]
            warm.run(order(write(tmp_path / "a.ipynb", WAITS), 1, own))
            pid = tmp_path / "pid"
            until(lambda: pid.exists() and pid.read_text() != "")
            kernel = psutil.Process(int(pid.read_text()))
            run = kernel.parent()
            server = run.parent()
            assert os.getpid() not in (run.pid, server.pid)
            server.send_signal(signal.SIGKILL)
            with pytest.raises(Lost):
                warm.ended(SECONDS)
            until(lambda: not (kernel.is_running() or run.is_running()))
    assert (
        "Each run imports threaded by itself: it starts a thread." in (tmp_path / "log").read_text()
    )
