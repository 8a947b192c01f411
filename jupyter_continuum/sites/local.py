"""This machine as a site: no queue, no link, one offer ``cores``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jupyter_continuum.errors import SiteError, SiteUnreachable, SubmitRefused
from jupyter_continuum.paths import socket_dir
from jupyter_continuum.sites.processes import JobFolder, ProcessLauncher, Turn
from jupyter_continuum.sites.protocols import (
    CommandResult,
    Endpoint,
    Forward,
    JobRequest,
    JobState,
    OfferStatus,
)

PARTITION = "cores"


def site_folder(site: str) -> Path:
    """Where the jobs of a site on this machine lie: short, for the sake of Unix sockets."""
    return socket_dir() / "sites" / site


@dataclass(frozen=True, slots=True)
class DirectForward:
    """A gateway's own Unix socket; there is nothing to close."""

    path: Path

    async def close(self) -> None:
        return None


class LocalTransport:
    """Runs commands on this machine; a way to a gateway is the gateway's own Unix socket."""

    async def connect(self) -> None:
        return None

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        return await run_shell(command, input=input, timeout_seconds=timeout_seconds)

    async def forward(self, endpoint: Endpoint, path: Path) -> Forward:
        return DirectForward(socket_of(endpoint))

    async def close(self) -> None:
        return None


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


async def run_shell(command: str, *, input: bytes, timeout_seconds: float) -> CommandResult:
    """Run ``command`` by ``/bin/sh``; SiteUnreachable after ``timeout_seconds``."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            stdout, stderr = await process.communicate(input)
    except TimeoutError as error:
        raise SiteUnreachable(
            f"This machine gave no answer to a command in {timeout_seconds:g} s. Try again later."
        ) from error
    finally:
        if process.returncode is None:
            os.killpg(process.pid, 9)
            await process.wait()
    status = process.returncode
    assert status is not None
    return CommandResult(status, stdout.decode(errors="replace"), stderr.decode(errors="replace"))


def socket_of(endpoint: Endpoint) -> Path:
    """The Unix socket of ``endpoint``; on this machine every gateway has one."""
    if not endpoint.path:
        raise SiteError(
            f"A gateway of this machine announced {endpoint.host}:{endpoint.port} instead of a "
            "Unix socket. Start its job again."
        )
    return Path(endpoint.path)


def machine_memory_gb() -> float:
    """Memory of this machine in GB (10^9 bytes), rounded down."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**9
