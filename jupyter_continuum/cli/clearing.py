"""What lives in a playground, and how all of it is ended."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.terminal import note
from jupyter_continuum.errors import BrokerError, ContinuumError, Unknown

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


def end_everything() -> list[int]:
    """Stop the cluster and the broker, wait for every process; those that had to be killed."""
    with _no_signals():
        try:
            _end_faults()
            for cluster in call_broker("clusters", start=False):
                call_broker("stop", start=False, name=cluster["name"])
            call_broker("shutdown", start=False)
        except BrokerError:
            note("The broker was gone already.")
        except ContinuumError as error:
            note(str(error))
        return wait_for_nothing() if leftovers() else []


def _end_faults() -> None:
    """A site that is cut off could not be told that its jobs are to end."""
    for site in call_broker("sites", start=False):
        if site["kind"] == "emulated":
            try:
                call_broker("fault", start=False, site=site["id"], over=True)
            except Unknown:
                continue  # its profile cannot be read, and nothing of it was opened


@contextmanager
def _no_signals() -> Iterator[None]:
    """A second Ctrl-C must not interrupt the clearing up."""
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, signal.SIG_IGN) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
