"""A tree of processes that outlives its parent, found and ended again by what it carries.

Every process of a tree carries ``JC_JOB_FOLDER=<folder>`` in its environment and inherits
it: a group or session id could be somebody else's by now, that variable cannot.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_continuum.errors import SiteError, SubmitRefused

if TYPE_CHECKING:
    from psutil import Process

MARK = "JC_JOB_FOLDER"
LOOK_SECONDS = 0.2
GIVE_UP_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Leader:
    """The first process of a tree: its number, and when it was created (seconds of epoch)."""

    pid: int
    created: float


async def start_tree(folder: Path, script: str, log: str, environment: Mapping[str, str]) -> Leader:
    """Run ``folder/script`` in a session of its own, its output appended to ``folder/log``."""
    import psutil

    # The inner shell is handed to init when the outer one ends: nobody has to reap it, and a
    # restarted broker is in the same position as the one that started it.
    starter = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        'umask 077; /bin/sh "$1" </dev/null >>"$2" 2>&1 & echo $!',
        "sh",
        os.fspath(folder / script),
        os.fspath(folder / log),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**environment, MARK: os.fspath(folder)},
        cwd=folder,
        start_new_session=True,
    )
    output, complaint = await starter.communicate()
    if starter.returncode:
        words = complaint.decode(errors="replace").strip()
        raise SubmitRefused(f"{folder} could not be started: {words}. Free some space or memory.")
    pid = int(output)
    try:
        return Leader(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:  # ended already; its status is in the folder
        return Leader(pid, 0.0)


def find_leader(folder: Path, script: str) -> Leader | None:
    """The first process of the tree that ``start_tree`` made; None when there is none."""
    import psutil

    command = ["/bin/sh", os.fspath(folder / script)]
    for process in _members(folder):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.cmdline() == command:
                return Leader(process.pid, process.create_time())
    return None


def tree_is_alive(leader: Leader) -> bool:
    """True while the first process runs."""
    import psutil

    try:
        process = psutil.Process(leader.pid)
        return bool(
            abs(process.create_time() - leader.created) < 1
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False


async def end_tree(folder: Path, *, kill_after_seconds: float) -> None:
    """End every process of the tree of ``folder``: SIGTERM, then SIGKILL for what is left.

    SiteError when something does not even end then.
    """
    import psutil

    kill_at = time.monotonic() + kill_after_seconds
    killed_at: float | None = None
    told: set[Process] = set()
    # Looked for again each time: a process may have forked while it was being told.
    while left := _members(folder):
        now = time.monotonic()
        if killed_at is not None and now - killed_at > GIVE_UP_SECONDS:
            raise SiteError(f"Process {left[0].pid} of {folder} does not end. End it by hand.")
        kill = now > kill_at
        if kill and killed_at is None:
            killed_at = now
        _signal(left if kill else set(left) - told, kill=kill)
        told.update(left)
        await asyncio.to_thread(psutil.wait_procs, left, timeout=LOOK_SECONDS)


def _members(folder: Path) -> list[Process]:
    """Processes of the tree, dead ones that nobody has reaped left out."""
    import psutil

    mark, own, found = os.fspath(folder), os.getuid(), []
    for process in psutil.process_iter(["uids", "status"]):
        uids = process.info["uids"]
        if not uids or uids.real != own or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        try:
            if process.environ().get(MARK) == mark and process.pid != os.getpid():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue  # ended meanwhile, or is not ours to look at
    return found


def _signal(processes: Iterable[Process], *, kill: bool) -> None:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill() if kill else process.terminate()
