"""The clusters of one person."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator

from jupyter_continuum.broker.clusters.cluster import Cluster
from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.ledger import Basis
from jupyter_continuum.broker.clusters.records import create, restore
from jupyter_continuum.broker.clusters.store import stored
from jupyter_continuum.broker.front_door.door import Caller
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.errors import BrokerError, ContinuumError, PlanRefused, SiteError, Unknown
from jupyter_continuum.planning.resolve import ResolvedPlan


class Clusters:
    """Takes up what still runs, starts more, and forgets a cluster once it has stopped."""

    def __init__(
        self,
        find_session: Callable[[str], Session | None],
        *,
        changed: Callable[[str], None],
        gone: Callable[[str], None],
    ) -> None:
        """``changed`` and ``gone`` are called with a cluster's name."""
        self._by_name: dict[str, Cluster] = {}
        self._find_session = find_session
        self._changed = changed
        self._gone = gone

    def __iter__(self) -> Iterator[Cluster]:
        return iter(list(self._by_name.values()))

    async def resume(self) -> None:
        """Go on with what an earlier broker left."""
        for each in stored():
            try:
                cluster = restore(
                    each, find_session=self._find_session, on_change=self._cluster_changed
                )
            except (ContinuumError, OSError, ValueError, KeyError, TypeError) as error:
                print(f"The cluster {each['name']!r} is not found again: {error!r}", flush=True)
                continue
            self._by_name[cluster.name] = cluster
            await cluster.resume()

    async def leave(self) -> None:
        """The broker ends: they go on without it."""
        await asyncio.gather(*(cluster.leave() for cluster in self))

    def new_name(self, plan: ResolvedPlan) -> str:
        """What the cluster of this plan will be called. PlanRefused when one is called so."""
        name = plan.name or f"cluster-{secrets.token_hex(2)}"
        self._refuse_taken(name)
        return name

    async def start(
        self, name: str, plan: ResolvedPlan, *, basis: Basis, held: bool = False
    ) -> Cluster:
        """Returns once its scheduler runs. ContinuumError, and nothing of it is left."""
        self._refuse_taken(name)
        cluster = create(
            name,
            plan,
            basis=basis,
            held=held,
            find_session=self._find_session,
            on_change=self._cluster_changed,
        )
        self._by_name[name] = cluster
        try:
            await cluster.start()
        except ContinuumError as error:
            try:
                await cluster.stop()
            except SiteError as left:
                raise BrokerError(f"{error} {left}") from error
            raise
        return cluster

    def get(self, name: str) -> Cluster | None:
        return self._by_name.get(name)

    def cluster(self, name: str) -> Cluster:
        """Unknown names those that there are."""
        cluster = self._by_name.get(name)
        if cluster is None:
            there = ", ".join(self._by_name) or "none"
            raise Unknown(f"There is no cluster {name!r}. Running: {there}.")
        return cluster

    def by_id(self, id: str) -> Cluster | None:
        return next((each for each in self if each.id == id), None)

    def at(self, site: str) -> list[str]:
        """Names of those that have a group at ``site``."""
        return [
            cluster.name
            for cluster in self
            if any(group.plan.site == site for group in cluster.groups.values())
        ]

    def jobs(self) -> set[str]:
        """Names of the jobs that are theirs."""
        return {job.name for group in self._groups() for job in group.jobs}

    def interpreters(self) -> list[str]:
        """What their workers run under."""
        return [group.plan.python for group in self._groups()]

    def wake(self, site: str) -> None:
        """Something happened at ``site``."""
        for group in self._groups():
            if group.plan.site == site:
                group.wake()

    def caller(self, cluster_id: str, agent: str) -> Caller | None:
        """The agent ``site.agent``, should it dial out to us."""
        cluster = self.by_id(cluster_id)
        return cluster.caller(agent) if cluster is not None else None

    def _groups(self) -> Iterator[Group]:
        return (group for cluster in self for group in cluster.groups.values())

    def _refuse_taken(self, name: str) -> None:
        if name in self._by_name:
            raise PlanRefused(
                f"A cluster {name!r} is there already. Choose another name, or stop that one: "
                f"`jupyter continuum stop {name}`."
            )

    def _cluster_changed(self, cluster: Cluster) -> None:
        if cluster.state != "stopped":
            self._changed(cluster.name)
        elif self._by_name.get(cluster.name) is cluster:
            del self._by_name[cluster.name]
            self._gone(cluster.name)
