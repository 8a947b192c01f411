"""A job that is a process tree, as its folder tells it: what was asked for, and what became of it.

The folder is all there is: whoever reads it knows the job, also after a restart.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_continuum.sites import probe
from jupyter_continuum.sites.announcements import FILE, parse_agent
from jupyter_continuum.sites.here.process_tree import Leader, tree_is_alive
from jupyter_continuum.sites.protocols import Agent, JobRequest, JobState

START_SECONDS = 20
"""A job that was being started this long ago and shows no process has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFolder:
    """A job as its folder tells it."""

    path: Path
    name: str
    submitted: datetime
    nodes: int
    cpus: int
    """Per node."""
    walltime: timedelta
    state: JobState
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    """When its script noted how it ended; None for one that was killed."""
    node_names: tuple[str, ...] = ()
    interrupted: bool = False
    """Whoever started it ended before it noted the process."""

    @property
    def ends_at(self) -> datetime | None:
        return self.started + self.walltime if self.started else None


def job_script(request: JobRequest, *, folder: Path, site: str) -> str:
    """The shell text that runs one agent a node and leaves their worst status in ``exit``."""
    quoted = shlex.quote(os.fspath(folder))
    # "python3" is a profile's way to say nothing: here that is the interpreter of this process.
    python = sys.executable if request.python == "python3" else request.python
    if request.program == "probe":
        agent = f"sh -c {shlex.quote(probe.command(python, quoted))}"
    else:
        agent = f"{shlex.quote(python)} -P -m jupyter_continuum.worker {quoted}"
    lines = [
        "#!/bin/sh",
        f"# {request.name} at {site}: {request.nodes} x {request.workers_per_node} workers"
        f" x {request.cpus_per_worker} CPUs, at most {request.walltime_seconds} s",
        f"cd {quoted} || exit 1",
        "trap : TERM  # the agents end; this script stays to note how",
        *request.prologue.splitlines(),
        "set -- $JC_NODES",
        "rank=0; agents=",
        f'while [ "$rank" -lt {request.nodes} ]; do',
        f'  JC_RANK=$rank JC_NODE=${{1:-}} {agent} & agents="$agents $!"',
        "  rank=$((rank + 1)); [ $# -eq 0 ] || shift",
        "done",
        "status=0",
        "for agent in $agents; do",
        '  while :; do wait "$agent"; code=$?; kill -0 "$agent" 2>/dev/null || break; done',
        '  [ "$code" -eq 0 ] || status=$code',
        "done",
        '[ -e exit ] || echo "$status" >exit',
    ]
    return "\n".join(lines) + "\n"


def read_job(folder: Path, now: datetime) -> JobFolder | None:
    """The job in ``folder``; None when it was never submitted, or is forgotten."""
    try:
        asked = json.loads((folder / "job.json").read_bytes())
    except FileNotFoundError:  # forgotten meanwhile
        return None
    process = _read_json(folder / "process.json")
    started = datetime.fromisoformat(process["started"]) if process else None
    state, reason = _state(folder, process, started, now)
    return JobFolder(
        path=folder,
        name=asked["name"],
        submitted=datetime.fromisoformat(asked["submitted"]),
        nodes=asked["nodes"],
        cpus=asked["cpus"],
        walltime=timedelta(seconds=asked["walltime_seconds"]),
        state=state,
        reason=reason,
        started=started,
        ended=_written(folder / "exit"),
        node_names=tuple(process["nodes"]) if process else (),
        interrupted=state is JobState.RUNNING and "pid" not in process,
    )


def _state(
    folder: Path, process: dict[str, Any], started: datetime | None, now: datetime
) -> tuple[JobState, str]:
    if (folder / "cancelled").exists():
        return JobState.CANCELLED, "CANCELLED"
    status = _read_text(folder / "exit")
    if status:
        return _ended(status)
    if started is None:
        return JobState.QUEUED, ""
    if "pid" not in process:
        if now - started < timedelta(seconds=START_SECONDS):
            return JobState.RUNNING, ""
        return JobState.FAILED, "NODE_FAIL"
    if tree_is_alive(Leader(process["pid"], process["created"])):
        return JobState.RUNNING, ""
    # The script may have written its status between the two looks.
    status = _read_text(folder / "exit")
    return _ended(status) if status else (JobState.FAILED, "killed")


def _ended(status: str) -> tuple[JobState, str]:
    if status == "0":
        return JobState.ENDED, ""
    if status in ("TIMEOUT", "NODE_FAIL"):
        return JobState.FAILED, status
    if status.isdecimal() and int(status) - 128 in set(signal.Signals):
        return JobState.FAILED, signal.Signals(int(status) - 128).name
    return JobState.FAILED, f"exit {status}"


def read_agent(path: Path, job: JobFolder) -> Agent | None:
    """The agent announced in ``path``, or None where there is none to believe."""
    if not FILE.fullmatch(path.name):
        return None
    try:
        return parse_agent(path.read_bytes(), job=job.name, folder=os.fspath(job.path))
    except (OSError, ValueError):  # being removed, or not an agent's: it is not listed
        return None


def _read_json(path: Path) -> dict[str, Any]:
    text = _read_text(path)
    return json.loads(text) if text else {}


def _written(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
