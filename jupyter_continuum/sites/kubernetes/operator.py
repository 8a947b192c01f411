"""Clusters that the Dask operator runs, read from its DaskCluster resources. Pure."""

from __future__ import annotations

import re

from jupyter_continuum.sites.kubernetes.status import NODE, Record, mapping, text, words
from jupyter_continuum.sites.protocols import Agent, Endpoint, ForeignCluster

GROUP = "kubernetes.dask.org/v1"
SCHEDULER_PORT = 8786
CLUSTER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


def foreign_cluster(resource: Record) -> ForeignCluster | None:
    """The cluster that a DaskCluster describes; None when its name is no Kubernetes name."""
    name = text(mapping(resource.get("metadata")).get("name"))
    if not CLUSTER_NAME.fullmatch(name):
        return None
    workers = mapping(mapping(resource.get("spec")).get("worker")).get("replicas")
    return ForeignCluster(
        name=name,
        state=words(mapping(resource.get("status")).get("phase"), 40).lower() or "unknown",
        workers=workers if isinstance(workers, int) else None,
    )


def scheduler_selector(name: str) -> str:
    """Selects the pod of the cluster's scheduler."""
    return f"dask.org/cluster-name={name},dask.org/component=scheduler"


def scheduler_of(pod: Record, cluster: str) -> Agent | None:
    """The scheduler in ``pod``; None while it does not run."""
    name = text(mapping(pod.get("metadata")).get("name"))
    node = text(mapping(pod.get("spec")).get("nodeName"))
    running = mapping(pod.get("status")).get("phase") == "Running"
    if not running or not CLUSTER_NAME.fullmatch(name) or not NODE.fullmatch(node):
        return None
    return Agent(cluster, 0, node, (Endpoint(host=name, port=scheduler_port(pod)),))


def scheduler_port(pod: Record) -> int:
    """The port that the scheduler's container says it listens at."""
    for container in map(mapping, mapping(pod.get("spec")).get("containers") or ()):
        for port in map(mapping, container.get("ports") or ()):
            number = port.get("containerPort")
            if port.get("name") == "tcp-comm" and isinstance(number, int) and 0 < number < 65536:
                return number
    return SCHEDULER_PORT
