"""Clusters made from a plan, written for the disk, and read from it again."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from jupyter_continuum.broker.clusters.cluster import Cluster
from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.job import JobEntry
from jupyter_continuum.broker.clusters.processes import ProcessId
from jupyter_continuum.broker.clusters.store import Store
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.planning.resolve import ResolvedGroup, ResolvedPlan

FindSession = Callable[[str], Session | None]
OnChange = Callable[[Cluster], None]


def create(
    name: str, plan: ResolvedPlan, *, find_session: FindSession, on_change: OnChange
) -> Cluster:
    """A new cluster, on disk already; nothing runs before its ``start``. Raises ContinuumError."""
    authority = make_authority(name)
    Store(name).create(authority)
    cluster = Cluster(
        name,
        secrets.token_hex(3),
        authority,
        lease_seconds=plan.lease_seconds,
        started=datetime.now(UTC),
        find_session=find_session,
        on_change=on_change,
    )
    for group in plan.groups:
        cluster.groups[group.name] = Group(cluster, group, group.jobs)
    try:
        cluster.save()
    except BaseException:
        Store(name).remove()
        raise
    return cluster


def restore(stored: dict[str, Any], *, find_session: FindSession, on_change: OnChange) -> Cluster:
    """A cluster that an earlier broker left running."""
    cluster = Cluster(
        stored["name"],
        stored["id"],
        Store(stored["name"]).authority(),
        lease_seconds=stored["lease_seconds"],
        started=datetime.fromisoformat(stored["started"]),
        find_session=find_session,
        on_change=on_change,
    )
    cluster.state, cluster.reason = stored["state"], ""
    cluster.home.hub = _process(stored["hub"])
    cluster.home.scheduler = _process(stored["scheduler"])
    for each in stored["groups"]:
        group = Group(cluster, ResolvedGroup(**each["plan"]), each["wanted"])
        group.next_number = each["next_number"]
        group.jobs = [JobEntry.from_disk(job) for job in each["jobs"]]
        cluster.groups[group.plan.name] = group
    return cluster


def to_disk(cluster: Cluster) -> dict[str, Any]:
    """What ``restore`` reads. Holds join tokens: for the owner's eyes alone."""
    hub, scheduler = cluster.home.hub, cluster.home.scheduler
    return {
        "name": cluster.name,
        "id": cluster.id,
        "state": cluster.state,
        "lease_seconds": cluster.lease_seconds,
        "started": cluster.started.isoformat(),
        "hub": asdict(hub) if hub else None,
        "scheduler": asdict(scheduler) if scheduler else None,
        "groups": [
            {
                "plan": asdict(group.plan),
                "wanted": group.wanted,
                "next_number": group.next_number,
                "jobs": [job.to_disk() for job in group.jobs],
            }
            for group in cluster.groups.values()
        ],
    }


def _process(stored: dict[str, Any] | None) -> ProcessId | None:
    return ProcessId(**stored) if stored else None
