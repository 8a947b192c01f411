"""Brings a broker to life when a face needs one and none answers."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_continuum.cluster.way import WAY_VARIABLE
from jupyter_continuum.errors import BrokerError
from jupyter_continuum.paths import data_dir, socket_dir

START_SECONDS = 20.0
FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")


def socket_path() -> Path:
    """Where this person's broker listens."""
    return socket_dir() / "broker.sock"


def front_door_path() -> Path:
    """Where a reverse proxy or a Jupyter server of this machine passes WebSockets on."""
    return socket_dir() / "front-door.sock"


def dial(*, start: bool) -> socket.socket:
    """A connection to the broker, which is started first when ``start`` and none answers."""
    if os.environ.get(WAY_VARIABLE):  # a node of a site is no place for a broker
        raise BrokerError(
            "This notebook's kernel is at a site, where `jc.attach()` and `jc.record()` work. "
            "Do this where JupyterLab is."
        )
    path = socket_path()
    connection = _try_to_dial(path)
    if connection is not None:
        return connection
    if not start:
        raise BrokerError("No broker runs. `jupyter continuum sites` starts one.")
    with _one_starter_at_a_time(path.parent):
        # Somebody else may have started it while this process waited for the lock.
        return _try_to_dial(path) or _start(path)


def log_path() -> Path:
    """What the broker prints; holds no secret."""
    return data_dir() / "broker.log"


def _try_to_dial(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.fspath(path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise BrokerError(
            f"The broker's socket {path} cannot be opened ({error.strerror}). "
            "Run `jupyter continuum doctor`."
        ) from error
    return connection


@contextmanager
def _one_starter_at_a_time(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "start.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _start(path: Path) -> socket.socket:
    pid = _spawn()
    deadline = time.monotonic() + START_SECONDS
    pause = 0.02
    while time.monotonic() < deadline:
        connection = _try_to_dial(path)
        if connection is not None:
            return connection
        if not _lives(pid):
            raise BrokerError(f"The broker ended at once{_last_words()}. Its log is {log_path()}.")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    os.kill(pid, signal.SIGTERM)
    raise BrokerError(
        f"The broker did not answer within {START_SECONDS:.0f} seconds"
        f"{_last_words()}. Its log is {log_path()}."
    )


def _spawn() -> int:
    """Process id of a broker in a session of its own, which outlives this process and terminal.

    A shell stands between: as a child of this process the broker would stay a zombie after its
    end, as long as a Jupyter server runs.
    """
    folders = {name: os.path.abspath(os.environ[name]) for name in FOLDERS if os.environ.get(name)}
    # -P: a module beside the person's files must not stand in for the broker's own.
    broker = [sys.executable, "-P", "-m", "jupyter_continuum.broker"]
    log = os.open(log_path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        started = subprocess.run(
            ["/bin/sh", "-c", 'exec 3>&1 1>&2; "$@" 3>&- & echo $! >&3', "sh", *broker],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd=data_dir(),
            env=os.environ | folders,
            check=True,
        )
    finally:
        os.close(log)
    return int(started.stdout)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _last_words() -> str:
    try:
        lines = log_path().read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return f": {lines[-1].strip()[:300]}" if lines else ""
