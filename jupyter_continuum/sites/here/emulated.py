"""An imitation of a far site on this machine: real workers behind a queue, a walltime and a link.

No TCP port listens: its gateways are on Unix sockets, and the only way to them goes
through a link whose delay and rate are made in user space.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites.emulation import EmulatedSite
from jupyter_continuum.sites.files import FileEntry, RemoteFile
from jupyter_continuum.sites.here.conditions import Conditions
from jupyter_continuum.sites.here.job_folder import JobFolder
from jupyter_continuum.sites.here.local import (
    check_resources,
    machine_memory_gb,
    site_folder,
)
from jupyter_continuum.sites.here.processes import ProcessLauncher, Turn
from jupyter_continuum.sites.here.shaping import Line, ShapedForward, hang_up
from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.protocols import (
    CommandResult,
    Endpoint,
    Forward,
    Job,
    JobRequest,
    JobState,
    OfferStatus,
    SiteStatus,
)
from jupyter_continuum.sites.sockets import make_room

PARTITION = "cpu"
GRACE = timedelta(seconds=1)


class EmulatedTransport(ShellTransport):
    """Commands and streams that take as long as they would over the imitated link."""

    def __init__(self, conditions: Conditions) -> None:
        super().__init__(conditions.site)
        self.conditions = conditions
        self.there, self.back = _lines(conditions.usual)
        self._shaped: list[ShapedForward] = []
        conditions.follow = self._follow

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        self.conditions.check()
        await asyncio.sleep(self.there.delay_seconds + self.back.delay_seconds)
        return await super().run(command, input=input, timeout_seconds=timeout_seconds)

    async def list_files(self, path: str) -> Sequence[FileEntry]:
        self.conditions.check()
        await asyncio.sleep(self.there.delay_seconds + self.back.delay_seconds)
        return await super().list_files(path)

    @asynccontextmanager
    async def open_file(self, path: str) -> AsyncIterator[RemoteFile]:
        self.conditions.check()
        async with super().open_file(path) as file:
            yield _FarFile(file, self)

    async def forward(self, endpoint: Endpoint, path: Path) -> Forward:
        self.conditions.check()
        _, writer = await self._dial(endpoint)
        await hang_up(writer)
        make_room(path)
        forward = ShapedForward(path, lambda: self._dial(endpoint), self.there, self.back)
        await forward.open()
        self._shaped = [*(each for each in self._shaped if each.path.exists()), forward]
        return forward

    async def close(self) -> None:
        shaped, self._shaped = self._shaped, []
        await asyncio.gather(*(forward.close() for forward in shaped))

    async def _follow(self) -> None:
        """The link is as the conditions have it from now on; bytes under way are not."""
        for line, told in zip((self.there, self.back), _lines(self.conditions.now), strict=True):
            line.delay_seconds, line.bytes_per_second = told.delay_seconds, told.bytes_per_second
        if self.conditions.away:
            await self.close()


@dataclass(frozen=True, slots=True)
class _FarFile:
    """A file of this machine, as far away as the site it is said to lie at."""

    file: RemoteFile
    transport: EmulatedTransport

    @property
    def size(self) -> int:
        return self.file.size

    @property
    def version(self) -> str:
        return self.file.version

    async def read(self, start: int, size: int) -> bytes:
        self.transport.conditions.check()
        data = await self.file.read(start, size)
        there, back = self.transport.there, self.transport.back
        seconds = len(data) / back.bytes_per_second if back.bytes_per_second else 0
        await asyncio.sleep(there.delay_seconds + back.delay_seconds + seconds)
        return data


class EmulatedLauncher(ProcessLauncher):
    """First come, first served over ``nodes`` x ``cpus_per_node``, after ``queue_seconds``."""

    def __init__(self, conditions: Conditions, folder: Path | None = None) -> None:
        site = conditions.site
        super().__init__(site, folder or site_folder(site))
        self.conditions = conditions
        self.memory_gb = machine_memory_gb()
        nodes = conditions.usual.nodes
        self.node_names = tuple(f"{site}-n{number}" for number in range(1, nodes + 1))

    @property
    def emulated(self) -> EmulatedSite:
        return self.conditions.now

    async def poll(self) -> SiteStatus:
        now = datetime.now(UTC)
        await self.conditions.look(self._read_jobs(now), now)
        return await super().poll()

    async def submit(self, request: JobRequest) -> Job:
        self.conditions.check()
        return await super().submit(request)

    async def cancel(self, names: Sequence[str]) -> None:
        self.conditions.check()
        await super().cancel(names)

    async def log(self, name: str) -> str:
        self.conditions.check()
        return await super().log(name)

    async def forget(self, names: Sequence[str]) -> None:
        self.conditions.check()
        await super().forget(names)

    def notes(self) -> dict[str, str]:
        return {"imitation": self.conditions.words}

    def ends(self, job: JobFolder, now: datetime) -> Literal["", "TIMEOUT", "NODE_FAIL"]:
        if self.conditions.down:
            return "NODE_FAIL"
        longest = timedelta(minutes=self.emulated.max_walltime_minutes)
        if job.started and now >= job.started + longest:
            return "TIMEOUT"
        return super().ends(job, now)

    def check(self, request: JobRequest) -> None:
        emulated = self.emulated
        if request.nodes > emulated.nodes:
            raise SubmitRefused(
                f"{self.site} has {emulated.nodes} nodes; {request.nodes} were asked for. "
                "Ask for fewer."
            )
        if request.walltime_seconds > emulated.max_walltime_minutes * 60:
            raise SubmitRefused(
                f"{self.site}: {request.walltime_seconds / 60:g} minutes are over the limit of "
                f"{emulated.max_walltime_minutes}. Ask for less."
            )
        check_resources(
            request,
            site=self.site,
            partition=PARTITION,
            cpus=emulated.cpus_per_node,
            memory_gb=self.memory_gb,
        )

    def turns(self, jobs: Sequence[JobFolder], now: datetime) -> dict[str, Turn]:
        queue = [job for job in jobs if job.state is JobState.QUEUED]
        if self.conditions.down:
            return {job.name: Turn(reason="Nodes down") for job in queue}
        running = [job for job in jobs if job.state is JobState.RUNNING]
        free_at = self._free_at(running, now)
        turns: dict[str, Turn] = {}
        blocked = False
        for job in queue:
            due = job.submitted + timedelta(seconds=self.emulated.queue_seconds)
            nodes, start = _place(job, free_at, earliest=max(due, now))
            starts_now = start <= now and not blocked
            reason = "Priority" if blocked or (due > now and start == due) else "Resources"
            turns[job.name] = Turn(nodes if starts_now else (), "" if starts_now else reason, start)
            blocked = blocked or not starts_now
            _occupy(free_at, nodes, job.cpus, until=start + job.walltime)
        return turns

    def offers(self, jobs: Sequence[JobFolder]) -> tuple[OfferStatus, ...]:
        emulated, down = self.emulated, self.conditions.down
        running = [job for job in jobs if job.state is JobState.RUNNING]
        busy_nodes = {node for job in running for node in job.node_names}
        busy_cpus = sum(job.cpus * job.nodes for job in running)
        return (
            OfferStatus(
                PARTITION,
                nodes_total=emulated.nodes,
                nodes_free=0 if down else emulated.nodes - len(busy_nodes),
                cpus_free=0 if down else emulated.nodes * emulated.cpus_per_node - busy_cpus,
                gpus_total=0,
                gpus_free=0,
                gpus_per_node=0,
                cpus_per_node=emulated.cpus_per_node,
                memory_gb_per_node=self.memory_gb,
                jobs_pending=sum(job.state is JobState.QUEUED for job in jobs),
                max_walltime_seconds=emulated.max_walltime_minutes * 60,
                max_nodes=emulated.nodes,
                state="DOWN" if down else "UP",
            ),
        )

    def _free_at(self, running: Sequence[JobFolder], now: datetime) -> dict[str, list[datetime]]:
        """For every node, when each of its CPUs becomes free."""
        free_at = {node: [now] * self.emulated.cpus_per_node for node in self.node_names}
        for job in running:
            nodes = tuple(node for node in job.node_names if node in free_at)
            # Over its walltime and not yet gone: it holds its nodes still.
            _occupy(free_at, nodes, job.cpus, until=max(job.ends_at or now, now + GRACE))
        return free_at


def _lines(emulated: EmulatedSite) -> tuple[Line, Line]:
    """The link there and back."""
    delay, rate = emulated.delay_ms / 1000, emulated.rate_mbit * 1e6 / 8
    return Line(delay, rate), Line(delay, rate)


def _place(
    job: JobFolder, free_at: dict[str, list[datetime]], *, earliest: datetime
) -> tuple[tuple[str, ...], datetime]:
    """The nodes that can take ``job`` first, and when."""
    ready = {node: cpus[min(job.cpus, len(cpus)) - 1] for node, cpus in free_at.items()}
    nodes = sorted(ready, key=lambda node: (max(ready[node], earliest), node))[: job.nodes]
    return tuple(nodes), max(earliest, *(ready[node] for node in nodes))


def _occupy(
    free_at: dict[str, list[datetime]], nodes: Sequence[str], cpus: int, *, until: datetime
) -> None:
    """Take the ``cpus`` that are free first; every node's list stays in order."""
    for node in nodes:
        taken = min(cpus, len(free_at[node]))
        free_at[node] = sorted([until] * taken + free_at[node][taken:])
