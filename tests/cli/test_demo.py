"""A demo that is killed, as a person's machine may do it, leaves nothing running and no file."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from tests.cli.commands import COMMAND
from tests.runs.notebooks import write

SECONDS = 120
"""For a start, or an end, on a machine that does much else."""

SMALL = """
sites:
  fjord:
    country: NO
    queue_seconds: 0
cluster:
  name: demo
  groups:
    - offer: fjord/cpu
"""


def until(met: Callable[[], object], saying: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < deadline, saying()
        time.sleep(0.1)


@pytest.mark.parametrize("words", [("--headless",), ("--port", "0")], ids=["headless", "lab"])
def test_a_demo_that_is_killed_leaves_nothing(
    tmp_path: Path, state: Path, words: Sequence[str]
) -> None:
    (tmp_path / "class.yaml").write_text(SMALL)
    under_way = tmp_path / "under-way"
    cell = f"import os, time\nopen({str(under_way)!r}, 'w').write(os.getcwd())\ntime.sleep(600)"
    notebook = write(tmp_path / "a.ipynb", cell)
    log = tmp_path / "log"
    with log.open("wb") as file:
        demo = subprocess.Popen(
            [
                *(*COMMAND, "demo", *words, "--notebook", str(notebook)),
                *("--class", str(tmp_path / "class.yaml")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )

    def started() -> bool:
        assert demo.poll() is None, log.read_text()
        return under_way.exists() or "Open this address" in log.read_text()

    try:
        until(started, log.read_text)
        (folder,) = (state / "t").glob("jcd-*")
        assert len(of_the_demo(folder)) >= 6
        demo.kill()
        demo.wait()
        until(lambda: not of_the_demo(folder), lambda: of_the_demo(folder))
        until(lambda: not folder.exists(), lambda: list(folder.rglob("*")))
    finally:
        for process in of_the_demo(state):
            process.kill()


def of_the_demo(folder: Path) -> list[psutil.Process]:
    """What runs with its state, or speaks of it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if any(str(folder) in word for word in words):
            found.append(process)
    return found
