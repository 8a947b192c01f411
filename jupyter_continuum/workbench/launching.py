"""Starting, finding and ending clusters."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.plan_file import is_plan_file, read_plan
from jupyter_continuum.broker.rows import Record
from jupyter_continuum.broker.selection import CLUSTER_VARIABLE, group_of, only_cluster
from jupyter_continuum.cluster.way import WAY_VARIABLE
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.workbench.cluster import Cluster
from jupyter_continuum.workbench.foreign import ForeignCluster
from jupyter_continuum.workbench.own import OwnCluster, own_cluster


def launch(
    plan: Mapping[str, Any] | str | Sequence[Mapping[str, Any] | str],
    *,
    name: str | None = None,
    wait: bool = False,
    accept: Sequence[str] = (),
) -> Cluster:
    """Start one cluster.

    ``plan`` is a whole Plan, a file that holds one, or what each group comes from: offers of
    `offers()`, groups of a Plan, or text such as ``"lumi/standard-g:2"`` for two jobs. With
    ``wait``, returns when every worker is ready. ``accept`` names unknown claims that your policy
    asks for and that you take as they are, this once: ``"lumi:price"``.
    """
    cluster = call_broker("launch", plan=_plan(plan, name), accept=list(accept))
    started = Cluster(cluster["name"])
    if wait:
        started.wait_for_workers(sum(group["workers_wanted"] for group in cluster["groups"]))
    return started


def attach(name: str | None = None) -> Cluster | ForeignCluster | OwnCluster:
    """A running cluster by name; the only one there is when no name is given.

    ``site/name`` is a cluster that somebody else runs at a site, with the Dask operator. Where the
    kernel is at a site, it is the cluster of the worker beside it.
    """
    if way := os.environ.get(WAY_VARIABLE):
        return own_cluster(name, os.environ.get(CLUSTER_VARIABLE, ""), Path(way))
    name = name or os.environ.get(CLUSTER_VARIABLE) or only_cluster(call_broker("clusters"))
    if "/" in name:
        return ForeignCluster(name)
    return Cluster(call_broker("cluster", name=name)["name"])


def stop(name: str) -> None:
    """End a cluster; returns when nothing of it is left at any site."""
    Cluster(name).stop()


def _plan(
    plan: Mapping[str, Any] | str | Sequence[Mapping[str, Any] | str], name: str | None
) -> Record:
    if isinstance(plan, str) and is_plan_file(plan):
        whole = read_plan(plan)
    elif isinstance(plan, Mapping) and "groups" in plan:
        whole = dict(plan)
    else:
        parts = [plan] if isinstance(plan, str | Mapping) else plan
        whole = {"groups": [_group(part) for part in parts]}
    return whole | ({"name": name} if name else {})


def _group(part: Mapping[str, Any] | str) -> Record:
    if isinstance(part, str):
        return group_of(part)
    if "offer" in part:
        return dict(part)
    if "id" in part and "launchable" in part:
        return {"offer": part["id"]}
    raise PlanRefused(
        f"{dict(part)!r} is neither an offer nor a group. "
        "Pass offers of `jc.offers()`, or {'offer': 'site/offer', 'jobs': 2}."
    )
