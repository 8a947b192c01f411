"""A state of its own for the demo: nothing of the person's is read, and nothing is left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_continuum.cli.guard import guarded

FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "IPYTHONDIR": "ipython",
    "MPLCONFIGDIR": "matplotlib",
    "TMPDIR": "t",
}
FOREIGN = ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH", "XDG_RUNTIME_DIR")
SECONDS_TO_END = 30


@contextmanager
def playground() -> Iterator[Path]:
    """A folder that this process and all it starts take for the home of Jupyter's state."""
    root = Path(tempfile.mkdtemp(prefix="jcd-"))
    before, tempdir = dict(os.environ), tempfile.tempdir
    with guarded(root):
        for name in FOLDERS.values():
            (root / name).mkdir(mode=0o700)
        enter(root)
        try:
            yield root
        finally:
            os.environ.clear()
            os.environ.update(before)
            tempfile.tempdir = tempdir
            shutil.rmtree(root, ignore_errors=True)


def enter(root: Path) -> None:
    """Take the folder ``root`` for the home of Jupyter's state from now on."""
    for variable, name in FOLDERS.items():
        os.environ[variable] = str(root / name)
    for variable in FOREIGN:
        os.environ.pop(variable, None)
    tempfile.tempdir = None  # asked for before, and remembered since


def leftovers() -> list[int]:
    """Processes that still live in the playground of this process, itself excluded."""
    import psutil

    state = os.environ["JUPYTER_DATA_DIR"]
    jobs = os.environ.get("TMPDIR", state)
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        in_a_job = environment.get("JC_JOB_FOLDER", "").startswith(f"{jobs}/")
        if environment.get("JUPYTER_DATA_DIR") == state or in_a_job:
            found.append(process.pid)
    return found


def wait_for_nothing(seconds: float = SECONDS_TO_END) -> list[int]:
    """Wait until nothing lives in the playground; processes that had to be killed."""
    import psutil

    processes = []
    for pid in leftovers():
        try:
            processes.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=5)
    return [process.pid for process in alive]
