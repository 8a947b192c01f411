"""The cluster as its groups know it."""

from __future__ import annotations

from typing import Protocol

from jupyter_continuum.broker.clusters.job import AgentEntry, JobEntry
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.planning.ceilings import Step
from jupyter_continuum.planning.resolve import ResolvedGroup


class Owner(Protocol):
    """What a group needs of its cluster."""

    name: str
    id: str
    lease_seconds: int

    def session(self, site: str) -> Session | None: ...
    def ceiling(self, site: str) -> Step:
        """How near the cluster is to what its policy lets it spend."""

    def changed(self) -> None: ...
    def save(self) -> None: ...
    def save_later(self) -> None: ...
    def remember(self, group: ResolvedGroup, job: JobEntry) -> None:
        """A job that is over is forgotten by its group: its hours count all the same."""

    def ready_workers(self, job: JobEntry) -> list[str]: ...
    def retire(self, workers: list[str]) -> None: ...
    def end_agents(self, site: str, job: JobEntry) -> None: ...
    def link(self, session: Session, job: JobEntry, agent: AgentEntry) -> None: ...
    async def unlink(self, site: str, job: JobEntry) -> None: ...
