"""The secret that lets an agent into its cluster: read once, then gone from the disk."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from jupyter_continuum.cluster.environment import PROTOCOL
from jupyter_continuum.errors import RelayError
from jupyter_continuum.paths import write_private


@dataclass(frozen=True, slots=True)
class DialOut:
    """The person's own address, which the agent may dial."""

    url: str
    authority: str = ""
    """PEM of whom to trust there; "" for whom this system trusts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a job was told about its cluster; ``token`` is secret."""

    protocol: int
    cluster: str
    cluster_id: str
    site: str
    job: str
    rank: int
    agent: str
    token: str
    group: str
    job_number: int
    workers: int
    threads: int
    gpus_per_worker: int
    memory_limit_bytes: int
    """0: what Dask finds for itself."""
    lease_seconds: float
    walltime_seconds: float
    direct: Literal["unix", "tcp", "none"]
    """How workers of this site may dial each other."""
    outbound: DialOut | None = None
    """Where the person has an address that sites can dial."""

    @property
    def name(self) -> str:
        """The agent's name within its cluster."""
        return f"{self.site}.{self.agent}"

    def __repr__(self) -> str:
        return f"<Ticket of {self.agent} for {self.cluster}>"

    def worker_names(self) -> list[str]:
        """``<group>-<job number>-<rank>-<device>`` of every worker of this agent."""
        stem = f"{self.group}-{self.job_number}-{self.rank}"
        return [f"{stem}-{number}" for number in range(self.workers)]


def bring_ticket(mounted: str | None, folder: Path, rank: int) -> None:
    """Copy the ticket into ``folder`` from where it cannot be deleted, if it lies there."""
    if mounted:
        name = f"join-{rank}.json"
        write_private(folder / name, (Path(mounted) / name).read_bytes())


def take_ticket(folder: Path, rank: int) -> Ticket:
    """Read the ticket of ``rank`` and delete it; RelayError when it cannot be used."""
    path = folder / f"join-{rank}.json"
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise RelayError(
            f"{path} is not there: this job was let in before, or nobody submitted it. "
            "Launch the group again."
        ) from error
    path.unlink()
    if told.get("protocol") != PROTOCOL:
        raise RelayError(
            f"The cluster speaks protocol {told.get('protocol')!r}, this agent {PROTOCOL}. "
            "Install the same jupyter-continuum on both sides."
        )
    try:
        outbound = told.pop("outbound", None)
        needed = [field.name for field in fields(Ticket) if field.name != "outbound"]
        return Ticket(
            **{name: told[name] for name in needed},
            outbound=DialOut(**outbound) if outbound else None,
        )
    except (KeyError, TypeError) as error:
        raise RelayError(f"The ticket of rank {rank} lacks {error}. Launch again.") from error
