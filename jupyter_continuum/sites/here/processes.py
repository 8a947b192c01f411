"""Jobs that are process trees of this machine; all that is known of them lies in their folder.

``<folder>/jobs/<12 hex of the name>/`` holds ``job.json`` (asked for), ``process.json``
(started), ``cancelled``, ``exit`` (the script's status), ``job.sh``, ``job.log`` and what the
agents write. Whoever reads the folder knows the job, so a restarted broker finds its jobs
again. Its name is short because the path of a Unix socket in it may have 107 bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from jupyter_continuum.errors import SiteUnreachable, SubmitRefused
from jupyter_continuum.paths import private_dir, write_private
from jupyter_continuum.sites import probe
from jupyter_continuum.sites.here.job_folder import JobFolder, job_script, read_agent, read_job
from jupyter_continuum.sites.here.process_tree import Leader, end_tree, find_leader, start_tree
from jupyter_continuum.sites.protocols import (
    Agent,
    Association,
    Job,
    JobRequest,
    JobState,
    OfferStatus,
    SiteStatus,
)

SCRIPT, LOG = "job.sh", "job.log"
SETTLED = timedelta(seconds=2)
"""What was being started this long ago by somebody who has ended shows itself by now."""
LOG_BYTES = 64 * 1024
MAX_SOCKET_PATH = 107
"""Bytes in the path of a Unix socket (``sun_path`` has 108, with a NUL)."""
KILL_AFTER_SECONDS = 5
"""What a job gets between SIGTERM and SIGKILL."""
PASSED_ON = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
)
"""Variables a job inherits; the rest of the environment may hold secrets of other programs."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a queue decides about one waiting job: start it on these nodes, or wait and why."""

    nodes: tuple[str, ...] = ()
    """Empty: not yet."""
    reason: str = ""
    expected: datetime | None = None


class ProcessLauncher(ABC):
    """A Launcher whose jobs are process trees; a child says when a job's turn comes."""

    def __init__(self, site: str, folder: Path) -> None:
        """``folder`` is this site's own; it must be short, Unix sockets will lie in it."""
        self.site = site
        self.folder = folder
        self._turns = asyncio.Lock()

    @abstractmethod
    def check(self, request: JobRequest) -> None:
        """Raise SubmitRefused for what this site can never give."""

    @abstractmethod
    def turns(self, jobs: Sequence[JobFolder], now: datetime) -> dict[str, Turn]:
        """What becomes of every waiting job in ``jobs`` (oldest first). Pure."""

    @abstractmethod
    def offers(self, jobs: Sequence[JobFolder]) -> tuple[OfferStatus, ...]:
        """How busy the site is with ``jobs``. Pure."""

    def ends(self, job: JobFolder, now: datetime) -> Literal["", "TIMEOUT", "NODE_FAIL"]:
        """Why the site ends a running job now; "" when it goes on. Pure."""
        return "TIMEOUT" if job.ends_at and now >= job.ends_at else ""

    def notes(self) -> dict[str, str]:
        """What a person should know of the site."""
        return {}

    def script(self, request: JobRequest) -> str:
        folder = self._job_folder(request.name)
        self.check(request)
        return job_script(request, folder=folder, site=self.site)

    async def submit(self, request: JobRequest) -> Job:
        folder = self._job_folder(request.name)
        if not (folder / "job.json").exists():
            self.check(request)
            try:
                self._write(request, folder)
            except OSError as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise SubmitRefused(
                    f"{self.site}: the job's folder {folder} could not be written "
                    f"({error.strerror}). Free some space there, then launch again."
                ) from error
        status = await self.poll()
        return next(job for job in status.jobs if job.name == request.name)

    async def poll(self) -> SiteStatus:
        try:
            return await self._look()
        except OSError as error:
            raise SiteUnreachable(
                f"{self.site}: {self.folder} cannot be used ({error.strerror}). "
                "Free some space there; nothing is lost."
            ) from error

    async def _look(self) -> SiteStatus:
        async with self._turns:
            now = datetime.now(UTC)
            jobs = self._read_jobs(now)
            if interrupted := [job for job in jobs if job.interrupted]:
                for job in interrupted:
                    await self._resume(job, now)
                jobs = self._read_jobs(now)
            turns = self.turns(jobs, now)
            for job in jobs:
                turn = turns.get(job.name)
                if turn and turn.nodes:
                    await self._start(job, turn.nodes)
                elif job.state is JobState.RUNNING and (why := self.ends(job, now)):
                    await self._end_as(job, why)
            jobs = self._read_jobs(datetime.now(UTC))
        return SiteStatus(
            observed=now,
            jobs=tuple(_as_job(job, turns.get(job.name)) for job in jobs),
            agents=self._read_agents(jobs),
            offers=self.offers(jobs),
            notes=self.notes(),
        )

    async def agents(self) -> tuple[Agent, ...]:
        return (await self.poll()).agents

    async def cancel(self, names: Sequence[str]) -> None:
        folders = [self._job_folder(name) for name in names]
        for folder in folders:
            if (folder / "job.json").exists() and not (folder / "exit").exists():
                (folder / "cancelled").touch(mode=0o600)
        async with self._turns:  # no job is being started now
            await asyncio.gather(*(self._end(folder) for folder in folders))

    async def log(self, name: str) -> str:
        try:
            with (self._job_folder(name) / LOG).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
                return file.read(LOG_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return ""

    async def forget(self, names: Sequence[str]) -> None:
        for name in names:
            folder = self._job_folder(name)
            await self._end(folder)
            shutil.rmtree(folder, ignore_errors=True)

    async def associations(self) -> tuple[Association, ...]:
        return ()

    # Writing -------------------------------------------------------------------------

    def _job_folder(self, name: str) -> Path:
        if not name.startswith("jc-") or not name.replace("-", "").isalnum() or not name.isascii():
            raise SubmitRefused(f"{self.site}: {name!r} cannot be a job's name. Choose another.")
        folder = self.folder / "jobs" / hashlib.sha256(name.encode()).hexdigest()[:12]
        if len(os.fsencode(folder / "g99999.sock")) > MAX_SOCKET_PATH:
            raise SubmitRefused(
                f"{self.site}: the path {folder} is too long for a Unix socket "
                f"({MAX_SOCKET_PATH} bytes). Choose a shorter name for the site."
            )
        return folder

    def _write(self, request: JobRequest, folder: Path) -> None:
        private_dir(self.folder)
        private_dir(folder.parent)
        private_dir(folder)
        for rank, secret in enumerate(request.join):
            write_private(folder / f"join-{rank}.json", secret)
        if request.program == "probe":
            write_private(folder / probe.FILE, probe.program().encode())
        write_private(folder / SCRIPT, job_script(request, folder=folder, site=self.site).encode())
        asked = {
            "name": request.name,
            "submitted": datetime.now(UTC).isoformat(),
            "nodes": request.nodes,
            "cpus": request.workers_per_node * request.cpus_per_worker,
            "walltime_seconds": request.walltime_seconds,
        }
        # Last: a folder with job.json is a submitted job.
        write_private(folder / "job.json", json.dumps(asked).encode())

    async def _start(self, job: JobFolder, nodes: tuple[str, ...]) -> None:
        now = datetime.now(UTC)
        # Before the process: after a crash in between, no second one is started.
        _note_start(job.path, now, nodes)
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {
            "JC_SITE": self.site,
            "JC_NODES": " ".join(nodes),
            "JC_SCRATCH": os.fspath(job.path),
            "JC_SOCKETS": os.fspath(private_dir(self.folder / "s")),
            "JC_BEGAN": f"{now.timestamp():.3f}",
        }
        leader = await start_tree(job.path, SCRIPT, LOG, environment)
        _note_start(job.path, now, nodes, leader)

    async def _resume(self, job: JobFolder, now: datetime) -> None:
        """Find the process of a job whose start nobody saw to its end, or let it wait again."""
        assert job.started is not None
        leader = await asyncio.to_thread(find_leader, job.path, SCRIPT)
        if leader is not None:
            _note_start(job.path, job.started, job.node_names, leader)
        elif not (job.path / LOG).exists() and now - job.started > SETTLED:
            (job.path / "process.json").unlink(missing_ok=True)

    async def _end_as(self, job: JobFolder, why: Literal["TIMEOUT", "NODE_FAIL"]) -> None:
        write_private(job.path / "exit", f"{why}\n".encode())
        # A node that fails tells nobody first.
        seconds = 0 if why == "NODE_FAIL" else KILL_AFTER_SECONDS
        await end_tree(job.path, kill_after_seconds=seconds)

    async def _end(self, folder: Path) -> None:
        await end_tree(folder, kill_after_seconds=KILL_AFTER_SECONDS)

    # Reading -------------------------------------------------------------------------

    def _read_jobs(self, now: datetime) -> list[JobFolder]:
        jobs = [read_job(path.parent, now) for path in self.folder.glob("jobs/*/job.json")]
        return sorted((job for job in jobs if job), key=lambda job: (job.submitted, job.name))

    def _read_agents(self, jobs: Iterable[JobFolder]) -> tuple[Agent, ...]:
        running = [job for job in jobs if job.state is JobState.RUNNING]
        found = [read_agent(path, job) for job in running for path in sorted(job.path.iterdir())]
        return tuple(agent for agent in found if agent)


def _note_start(
    folder: Path, started: datetime, nodes: Sequence[str], leader: Leader | None = None
) -> None:
    record: dict[str, object] = {"started": started.isoformat(), "nodes": list(nodes)}
    if leader is not None:
        record |= {"pid": leader.pid, "created": leader.created}
    write_private(folder / "process.json", json.dumps(record).encode())


def _as_job(job: JobFolder, turn: Turn | None) -> Job:
    waits = job.state is JobState.QUEUED
    return Job(
        name=job.name,
        id=job.name.rpartition("-")[2],
        state=job.state,
        reason=(turn.reason if turn else "") if waits else job.reason,
        expected_start=turn.expected if waits and turn else None,
        started_at=job.started,
        ends_at=job.ends_at if job.state is JobState.RUNNING else job.ended,
    )
