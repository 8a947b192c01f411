"""What a cluster's record needs beside what its groups know: it outlives jobs and broker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from jupyter_continuum.broker.clusters.job import JobEntry
from jupyter_continuum.broker.messages.policy import PolicyFacts
from jupyter_continuum.broker.messages.records import (
    ClaimFacts,
    EarlierFacts,
    EnvironmentFacts,
    GapFacts,
    GroupFacts,
    HostFacts,
    JobFacts,
    SiteFacts,
    TrafficFacts,
)
from jupyter_continuum.planning.hours import span
from jupyter_continuum.planning.metering import Reading, summed

SCHEDULER = "scheduler"
KEPT_JOBS = 1000
"""Of jobs that ended before these, only sums are kept."""
KEPT_GAPS = 100
KEPT_ENVIRONMENTS = 200
SAVE_SECONDS = 30.0
"""That a broker watches is noted on disk so often: by so much a gap may seem longer."""


class Basis(BaseModel):
    """What was known when the cluster was launched."""

    model_config = ConfigDict(frozen=True)

    groups: tuple[GroupFacts, ...] = ()
    sites: tuple[SiteFacts, ...] = ()
    claims: tuple[ClaimFacts, ...] = ()
    hosts: tuple[HostFacts, ...] = ()
    policy: PolicyFacts | None = None


class _Written(BaseModel):
    """A ledger on disk."""

    basis: Basis = Basis()
    jobs: list[JobFacts] = []
    earlier: list[EarlierFacts] = []
    environments: list[EnvironmentFacts] = []
    traffic: list[TrafficFacts] = []
    gaps: list[GapFacts] = []
    watched: datetime


class Ledger:
    """The books of one cluster."""

    def __init__(self, basis: Basis, *, now: datetime) -> None:
        self.basis = basis
        self.jobs: list[JobFacts] = []
        """Those that their group has forgotten."""
        self.earlier: dict[str, EarlierFacts] = {}
        self.environments: list[EnvironmentFacts] = []
        self.traffic: list[TrafficFacts] = []
        self.gaps: list[GapFacts] = []
        self._watched = now
        self._saved = now

    @classmethod
    def from_disk(cls, stored: Any, *, started: datetime, now: datetime) -> Ledger:
        """As an earlier broker left it; what that time and now lie apart is a gap.

        What cannot be read, or was never written, is a gap since the cluster's start.
        """
        try:
            found = _Written.model_validate(stored)
        except ValueError:
            found = _Written(watched=started)
        ledger = cls(found.basis, now=now)
        ledger.jobs = found.jobs
        ledger.earlier = {each.group: each for each in found.earlier}
        ledger.environments = found.environments
        ledger.traffic = found.traffic
        gap = GapFacts(start=min(found.watched, now), end=now)
        ledger.gaps = [*found.gaps, gap][-KEPT_GAPS:]
        return ledger

    def to_disk(self) -> dict[str, Any]:
        self._saved = self._watched
        return _Written(
            basis=self.basis,
            jobs=self.jobs,
            earlier=list(self.earlier.values()),
            environments=self.environments,
            traffic=self.traffic,
            gaps=self.gaps,
            watched=self._watched,
        ).model_dump(mode="json")

    def watch(self, now: datetime) -> bool:
        """A broker watches; True when that should be on disk again."""
        self._watched = now
        return (now - self._saved).total_seconds() > SAVE_SECONDS

    def count(self, links: Sequence[tuple[str, str, int]]) -> None:
        """The hub's counters now."""
        self.traffic = [TrafficFacts(source=a, target=b, bytes=n) for a, b, n in links]

    def remember(self, group: str, job: JobEntry) -> None:
        """A job that is over and that its group forgets."""
        self.jobs.append(job_facts(group, job))
        while len(self.jobs) > KEPT_JOBS:
            self._sum_up(self.jobs.pop(0))

    def installed(self, where: str, report: Mapping[str, Any]) -> None:
        """What the scheduler, or an agent of a group, says that it has."""
        said = EnvironmentFacts.read(where, report)
        for at, known in enumerate(self.environments):
            if known.model_copy(update={"agents": 1}) == said:
                more = known.model_copy(update={"agents": known.agents + 1})
                self.environments[at] = more
                return
        if len(self.environments) < KEPT_ENVIRONMENTS:
            self.environments.append(said)

    def _sum_up(self, job: JobFacts) -> None:
        if job.ended is None:
            return
        ran = span(job, end=job.ended)
        sums = self.earlier.get(job.group, EarlierFacts(group=job.group, ended=job.ended))
        self.earlier[job.group] = EarlierFacts(
            group=job.group,
            jobs=sums.jobs + 1,
            seconds=sums.seconds + (ran.seconds or 0),
            least_seconds=sums.least_seconds + ran.least,
            most_seconds=sums.most_seconds + ran.most,
            energy=summed([*sums.energy, *job.energy]),
            ended=max(sums.ended, job.ended),
        )


def job_facts(group: str, job: JobEntry) -> JobFacts:
    """What the record may say of a job: the site's reasons stay out, they may quote its log."""
    return JobFacts(
        group=group,
        id=job.id,
        state=job.phase.value,
        nodes=[agent.node for agent in job.agents if agent.node],
        carriers=sorted({agent.carrier for agent in job.agents if agent.carrier}),
        image=job.image,
        asked=_moment(job.submitted_at),
        foretold=_moment(job.foretold),
        started_after=_moment(job.started_after),
        started=_moment(job.started_at),
        ended_after=_moment(job.ended_after),
        ended=_moment(job.ended_at),
        site_started=_moment(job.site_started),
        site_ended=_moment(job.site_ended),
        energy=[
            *(replace(each, rank=agent.rank) for agent in job.agents for each in agent.energy),
            *_accounted(job),
        ],
    )


def _accounted(job: JobEntry) -> Iterator[Reading]:
    """What the site's own accounting says, for the time that the job had all its nodes."""
    began, over = job.site_started or job.started_at, job.site_ended or job.ended_at
    if job.over and job.site_joules and began is not None and over is not None:
        seconds = max(0.0, over - began) * len(job.agents)
        yield Reading("slurm", "node", "", float(job.site_joules), seconds)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
