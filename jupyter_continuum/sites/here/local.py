"""This machine as a site: no queue, no link, one offer ``cores``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jupyter_continuum.errors import SiteUnreachable, SubmitRefused
from jupyter_continuum.paths import socket_dir
from jupyter_continuum.sites.here.job_folder import JobFolder
from jupyter_continuum.sites.here.processes import ProcessLauncher, Turn
from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.protocols import (
    Endpoint,
    Forward,
    JobRequest,
    JobState,
    OfferStatus,
)
from jupyter_continuum.sites.sockets import make_room, shut

PARTITION = "cores"


def site_folder(site: str) -> Path:
    """Where the jobs of a site on this machine lie: short, for the sake of Unix sockets."""
    return socket_dir() / "sites" / site


@dataclass(slots=True)
class LinkedForward:
    """A second name for a gateway's own Unix socket: bytes pass through nobody."""

    path: Path

    async def close(self) -> None:
        self.path.unlink(missing_ok=True)


class LocalTransport(ShellTransport):
    """Runs commands on this machine; a way to a gateway is the gateway's own Unix socket."""

    def __init__(self, site: str = "local") -> None:
        super().__init__(site)

    async def forward(self, endpoint: Endpoint, path: Path) -> Forward:
        if not endpoint.path:
            return await super().forward(endpoint, path)
        make_room(path)
        try:
            os.link(endpoint.path, path)
        except FileNotFoundError as error:
            raise SiteUnreachable(
                f"{self._site}: nobody listens at {endpoint.path} any more; its job has ended."
            ) from error
        except OSError:  # on another file system
            return await super().forward(endpoint, path)
        shut(path)
        return LinkedForward(path)


class LocalLauncher(ProcessLauncher):
    """Starts every job at once; refuses what the machine does not have."""

    def __init__(
        self,
        site: str = "local",
        folder: Path | None = None,
        *,
        cpus: int | None = None,
        memory_gb: float | None = None,
    ) -> None:
        super().__init__(site, folder or site_folder(site))
        self.cpus = cpus or len(os.sched_getaffinity(0))
        self.memory_gb = memory_gb or machine_memory_gb()

    def check(self, request: JobRequest) -> None:
        if request.nodes > 1:
            raise SubmitRefused(f"{self.site} is one machine, not {request.nodes}. Ask for 1 node.")
        check_resources(
            request, site=self.site, partition=PARTITION, cpus=self.cpus, memory_gb=self.memory_gb
        )

    def turns(self, jobs: Sequence[JobFolder], now: datetime) -> dict[str, Turn]:
        waiting = [job for job in jobs if job.state is JobState.QUEUED]
        return {job.name: Turn((self.site,), expected=now) for job in waiting}

    def offers(self, jobs: Sequence[JobFolder]) -> tuple[OfferStatus, ...]:
        busy = sum(job.cpus for job in jobs if job.state is JobState.RUNNING)
        return (
            OfferStatus(
                PARTITION,
                nodes_total=1,
                nodes_free=int(busy == 0),
                cpus_free=max(0, self.cpus - busy),
                gpus_total=0,
                gpus_free=0,
                cpus_per_node=self.cpus,
                gpus_per_node=0,
                memory_gb_per_node=self.memory_gb,
                jobs_pending=0,
                max_nodes=1,
                state="UP",
            ),
        )


def check_resources(
    request: JobRequest, *, site: str, partition: str, cpus: int, memory_gb: float
) -> None:
    """Raise SubmitRefused when one node of ``site`` cannot hold one node of ``request``."""
    wanted = request.workers_per_node * request.cpus_per_worker
    if request.partition not in ("", partition):
        raise SubmitRefused(
            f"{site} has no offer {request.partition!r}. Choose {site}/{partition}."
        )
    if request.nodes < 1 or wanted < 1 or request.walltime_seconds < 1:
        raise SubmitRefused(f"{site}: a job of nothing was asked for. Ask for at least one worker.")
    if request.gpus_per_worker:
        raise SubmitRefused(f"{site} offers no GPUs. Ask for workers without, or choose a site.")
    if wanted > cpus:
        raise SubmitRefused(
            f"{site}: {wanted} CPUs were asked for on one node, which has {cpus}. "
            "Ask for fewer workers per node or fewer CPUs per worker."
        )
    memory = request.workers_per_node * request.memory_gb_per_worker
    if memory > memory_gb:
        raise SubmitRefused(
            f"{site}: {memory:g} GB were asked for on one node, which has {memory_gb:g}. "
            "Ask for fewer workers per node or less memory per worker."
        )


def machine_memory_gb() -> float:
    """Memory of this machine in GB (10^9 bytes), rounded down."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**9
