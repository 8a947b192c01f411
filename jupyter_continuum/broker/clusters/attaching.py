"""What a client, or somebody who looks at Dask's pages, is given of a cluster that runs."""

from __future__ import annotations

from typing import Any

from jupyter_continuum.broker.clusters.cluster import Cluster
from jupyter_continuum.broker.clusters.joining import SCHEDULER
from jupyter_continuum.cluster.__main__ import DASHBOARD
from jupyter_continuum.cluster.wide_link import wide_link_of_client
from jupyter_continuum.errors import Unknown


async def attach(cluster: Cluster, csr: str, who: str) -> dict[str, Any]:
    """Let a client in: a leaf for its key, and how to reach the scheduler.

    ``who``: what it calls itself, for the person.
    """
    await cluster.settled()
    if cluster.state != "running":
        raise Unknown(f"{cluster.name} is {cluster.state}. {cluster.reason}")
    return {
        "address": SCHEDULER,
        "hub": str(cluster.folder / "hub.sock"),
        "site": "home",
        "config": wide_link_of_client(),
        **cluster.access.let_in(who, lambda leaf: cluster.home.sign(csr, leaf)),
    }


def dashboard(cluster: Cluster) -> dict[str, str]:
    """Where Dask's pages are. Unknown when no scheduler shows any."""
    if cluster.state != "running":
        raise Unknown(f"{cluster.name} is {cluster.state}, and shows no pages. {cluster.reason}")
    return {"socket": str(cluster.folder / DASHBOARD)}
