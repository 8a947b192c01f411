"""The facts of a cluster's record, as they are now. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.ledger import Ledger, job_facts
from jupyter_continuum.broker.clusters.residence import Residence
from jupyter_continuum.broker.messages.records import ClusterFacts, RecordView


class Recorded(Protocol):
    """What a record needs of its cluster."""

    name: str
    id: str
    state: str
    started: datetime
    lease_seconds: int
    groups: dict[str, Group]
    ledger: Ledger
    residence: Residence


def cluster_facts(cluster: Recorded, now: datetime) -> ClusterFacts:
    """Of a cluster that has not ended."""
    ledger, basis = cluster.ledger, cluster.ledger.basis
    live = [
        job_facts(group.plan.name, job)
        for group in cluster.groups.values()
        for job in group.jobs
        if job.submitted_at is not None
    ]
    return ClusterFacts(
        name=cluster.name,
        id=cluster.id,
        state=cluster.state,
        started=cluster.started,
        asked=now,
        lease_seconds=cluster.lease_seconds,
        policy=basis.policy,
        residency=cluster.residence.views(),
        groups=[*basis.groups],
        jobs=[*ledger.jobs, *live],
        earlier=list(ledger.earlier.values()),
        environments=ledger.environments,
        sites=[*basis.sites],
        claims=[*basis.claims],
        hosts=[*basis.hosts],
        traffic=ledger.traffic,
        gaps=ledger.gaps,
    )


def ended_facts(cluster: Recorded, now: datetime) -> ClusterFacts:
    """Of one of which nothing is left at any site."""
    return cluster_facts(cluster, now).model_copy(update={"state": "stopped", "ended": now})


def record_view(facts: ClusterFacts) -> RecordView:
    return RecordView(
        name=facts.name, id=facts.id, state=facts.state, started=facts.started, ended=facts.ended
    )
