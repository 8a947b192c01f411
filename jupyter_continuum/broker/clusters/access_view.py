"""What a face sees of who can run code in a cluster, and where. Pure."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from jupyter_continuum.broker.clusters.cluster import Cluster
from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.joining import LEAF_SLACK
from jupyter_continuum.broker.messages.clusters import AccessView, ClientView, PlaceView
from jupyter_continuum.sites.profile import Profile


def access_view(cluster: Cluster, now: datetime) -> AccessView:
    access = cluster.access
    living = [each for each in access.clients if each.until > now]
    away = [each for each in living if each.leaf not in access.connected]
    return AccessView(
        open=access.open,
        clients=[
            ClientView(leaf=each.leaf, who=each.who, since=each.since, until=each.until)
            for each in living
            if each.leaf in access.connected
        ],
        away=len(away),
        away_until=max((each.until for each in away), default=None),
        places=_places(cluster),
    )


def _places(cluster: Cluster) -> list[PlaceView]:
    """Each site once, as its groups come."""
    sites: dict[str, list[Group]] = {}
    for group in cluster.groups.values():
        sites.setdefault(group.plan.site, []).append(group)
    return [_place(cluster, site, groups) for site, groups in sites.items()]


def _place(cluster: Cluster, site: str, groups: list[Group]) -> PlaceView:
    session = cluster.session(site)
    profile = session.profile if session is not None else None
    accounts = sorted({each.plan.account for each in groups if each.plan.account})
    ends = [
        datetime.fromtimestamp(end, UTC) + LEAF_SLACK
        for group in groups
        for job in group.live
        if any(agent.granted for agent in job.agents) and (end := job.ends(group.plan)) is not None
    ]
    return PlaceView(
        site=site,
        runs_as=runs_as(profile) if profile is not None else "",
        account=", ".join(accounts),
        workers=sum(
            group.plan.workers_per_node
            for group in groups
            for job in group.live
            for agent in job.agents
            if agent.granted
        ),
        until=max(ends, default=None),
    )


def runs_as(profile: Profile) -> str:
    """Whose rights code has at a site."""
    if profile.kubernetes is not None:
        space = profile.kubernetes.namespace or "its own namespace"
        return f"pods of {profile.kubernetes.context}, {space}"
    if profile.ssh is not None:
        return f"{profile.ssh.user}@{profile.ssh.host}"
    return f"{getpass.getuser()} on this machine"
