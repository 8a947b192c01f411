"""Clusters made from a plan, or from what an earlier broker wrote."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jupyter_continuum.broker.clusters.cluster import Cluster
from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.ledger import SCHEDULER, Basis, Ledger
from jupyter_continuum.broker.clusters.store import Store
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.planning.resolve import ResolvedPlan

FindSession = Callable[[str], Session | None]
OnChange = Callable[[Cluster], None]


def create(
    name: str,
    plan: ResolvedPlan,
    *,
    basis: Basis,
    held: bool,
    find_session: FindSession,
    on_change: OnChange,
) -> Cluster:
    """A new cluster, on disk already; nothing runs before its ``start``. Raises ContinuumError."""
    now = datetime.now(UTC)
    ledger = Ledger(basis, now=now)
    ledger.installed(SCHEDULER, environment())  # it will run under this interpreter
    authority = make_authority(name)
    Store(name).create(authority)
    cluster = Cluster(
        name,
        secrets.token_hex(3),
        authority,
        lease_seconds=plan.lease_seconds,
        started=now,
        ledger=ledger,
        find_session=find_session,
        on_change=on_change,
    )
    cluster.held = held
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
    started = datetime.fromisoformat(stored["started"])
    cluster = Cluster(
        stored["name"],
        stored["id"],
        Store(stored["name"]).authority(),
        lease_seconds=stored["lease_seconds"],
        started=started,
        ledger=Ledger.from_disk(stored.get("ledger"), started=started, now=datetime.now(UTC)),
        find_session=find_session,
        on_change=on_change,
    )
    cluster.state, cluster.reason = stored["state"], ""
    cluster.held = stored.get("held", False)
    cluster.home.from_disk(stored)
    if access := stored.get("access"):
        cluster.access.from_disk(access)
    if residence := stored.get("residence"):
        cluster.residence.from_disk(residence)
    for each in stored["groups"]:
        group = Group.from_disk(cluster, each)
        cluster.groups[group.plan.name] = group
    return cluster
