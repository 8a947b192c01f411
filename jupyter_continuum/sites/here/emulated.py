"""An imitation of a far site on this machine: real workers behind a queue, a walltime and a link.

No TCP port listens: its gateways are on Unix sockets, and the only way to them goes
through a link whose delay and rate are made in user space.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites.here.job_folder import JobFolder
from jupyter_continuum.sites.here.local import (
    check_resources,
    machine_memory_gb,
    site_folder,
)
from jupyter_continuum.sites.here.processes import ProcessLauncher, Turn
from jupyter_continuum.sites.here.shaping import Line, ShapedForward, hang_up
from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.profile import EmulatedSite
from jupyter_continuum.sites.protocols import (
    CommandResult,
    Endpoint,
    Forward,
    JobRequest,
    JobState,
    OfferStatus,
)
from jupyter_continuum.sites.sockets import make_room

PARTITION = "cpu"
GRACE = timedelta(seconds=1)


class EmulatedTransport(ShellTransport):
    """Commands and streams that take as long as they would over the imitated link."""

    def __init__(self, emulated: EmulatedSite, site: str = "emulated") -> None:
        super().__init__(site)
        self.delay_seconds = emulated.delay_ms / 1000
        rate = emulated.rate_mbit * 1e6 / 8
        self.there = Line(self.delay_seconds, rate)
        self.back = Line(self.delay_seconds, rate)
        self._shaped: list[ShapedForward] = []

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        await asyncio.sleep(2 * self.delay_seconds)
        return await super().run(command, input=input, timeout_seconds=timeout_seconds)

    async def forward(self, endpoint: Endpoint, path: Path) -> Forward:
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


class EmulatedLauncher(ProcessLauncher):
    """First come, first served over ``nodes`` x ``cpus_per_node``, after ``queue_seconds``."""

    def __init__(self, site: str, emulated: EmulatedSite, folder: Path | None = None) -> None:
        super().__init__(site, folder or site_folder(site))
        self.emulated = emulated
        self.memory_gb = machine_memory_gb()
        self.node_names = tuple(f"{site}-n{number}" for number in range(1, emulated.nodes + 1))

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
        emulated = self.emulated
        running = [job for job in jobs if job.state is JobState.RUNNING]
        busy_nodes = {node for job in running for node in job.node_names}
        busy_cpus = sum(job.cpus * job.nodes for job in running)
        return (
            OfferStatus(
                PARTITION,
                nodes_total=emulated.nodes,
                nodes_free=emulated.nodes - len(busy_nodes),
                cpus_free=emulated.nodes * emulated.cpus_per_node - busy_cpus,
                gpus_total=0,
                gpus_free=0,
                gpus_per_node=0,
                cpus_per_node=emulated.cpus_per_node,
                memory_gb_per_node=self.memory_gb,
                jobs_pending=sum(job.state is JobState.QUEUED for job in jobs),
                max_walltime_seconds=emulated.max_walltime_minutes * 60,
                max_nodes=emulated.nodes,
                state="UP",
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
