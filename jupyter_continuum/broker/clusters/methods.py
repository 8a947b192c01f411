"""What faces, and a cluster's own scheduler, ask of clusters."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

from jupyter_continuum.broker.clusters import attaching, kept
from jupyter_continuum.broker.clusters.basis import Counters, basis_of
from jupyter_continuum.broker.clusters.clusters import Clusters
from jupyter_continuum.broker.clusters.dry_run import dry_run, first_request
from jupyter_continuum.broker.clusters.facts import cluster_facts, record_view
from jupyter_continuum.broker.clusters.foretelling import Foretelling, Foretold
from jupyter_continuum.broker.clusters.holding import Holding
from jupyter_continuum.broker.clusters.job_logs import read_logs
from jupyter_continuum.broker.clusters.ledger import Basis
from jupyter_continuum.broker.clusters.policing import Policing
from jupyter_continuum.broker.clusters.view import cluster_view
from jupyter_continuum.broker.messages.clusters import ClusterView, DryRun, GroupDryRun
from jupyter_continuum.broker.messages.environments import ParityView
from jupyter_continuum.broker.messages.policy import PolicyView
from jupyter_continuum.broker.messages.records import ClusterFacts, RecordView
from jupyter_continuum.broker.messages.sites import AmountView, WaitView
from jupyter_continuum.broker.plan_file import plan_text
from jupyter_continuum.broker.sites.reach import today
from jupyter_continuum.broker.sites.resolving import resolve_at
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.errors import ContinuumError, PlanRefused, Unknown
from jupyter_continuum.planning.resolve import ResolvedGroup, ResolvedPlan


class Parity(Protocol):
    """The worker environments of a plan, beside ours."""

    async def compare(self, plan: ResolvedPlan) -> list[ParityView]: ...
    async def check(self, plan: ResolvedPlan) -> None:
        """PlanRefused when an environment cannot be part of the cluster."""


class ClusterMethods:
    """To launch, see, attach, scale and stop them."""

    def __init__(
        self,
        clusters: Clusters,
        sites: Sites,
        parity: Parity,
        holding: Holding,
        *,
        counters: Counters,
    ) -> None:
        self._clusters = clusters
        self._counters = counters
        self._holding = holding
        self._sites = sites
        self._parity = parity
        self._policing = Policing(sites)
        self._foretelling = Foretelling()

    async def policy(self) -> PolicyView:
        return await self._policing.policy()

    async def dry_run(
        self, *, plan: dict[str, Any], accept: Sequence[str] = (), foretell: bool = False
    ) -> DryRun:
        """``foretell``: sites are asked when they would begin the jobs, which costs them an id."""
        resolved = resolve_at(self._sites, plan)
        judged = self._policing.judge(resolved, _claims(accept))
        run = dry_run(resolved, self._sites.session, await self._parity.compare(resolved))
        run.plan = plan_text(plan)
        run.policy, run.refusal = judged.views(), judged.refusal
        told = await asyncio.gather(*(self._foretold(resolved, each, foretell is True)
                                      for each in resolved.groups))  # fmt: skip
        for group, shown, each in zip(resolved.groups, run.groups, told, strict=True):
            self._foresee(group, shown, each)
        run.warnings += dict.fromkeys(each.trouble for each in told if each.trouble)
        return run

    async def _foretold(self, plan: ResolvedPlan, group: ResolvedGroup, wanted: bool) -> Foretold:
        if not wanted:
            return Foretold()
        session = self._sites.session(group.site)
        return await self._foretelling.of(session, first_request(plan, group))

    def _foresee(self, group: ResolvedGroup, shown: GroupDryRun, told: Foretold) -> None:
        """What it will wait for, cost and emit, as far as is known."""
        wait = self._sites.wait(group.offer, [told.said] if told.said else [])
        shown.wait = WaitView(**asdict(wait))
        costs = self._policing.costs(group)
        shown.unit = costs.unit
        for name in ("eur", "units", "energy_kwh", "carbon_kg"):
            setattr(shown, name, AmountView(**asdict(getattr(costs, name))))
        shown.certificate = " ".join(
            each.said for each in self._sites.credentials.views(group.site)
        )

    async def launch(
        self, *, plan: dict[str, Any], held: bool = False, accept: Sequence[str] = ()
    ) -> ClusterView:
        resolved = resolve_at(self._sites, plan)
        judged = self._policing.judge(resolved, _claims(accept))
        if judged.refusal:
            raise PlanRefused(judged.refusal)
        name = self._clusters.new_name(resolved)
        await self._parity.check(resolved)
        basis = self._basis(resolved).model_copy(update={"policy": judged.facts()})
        cluster = await self._clusters.start(name, resolved, basis=basis, held=held is True)
        if cluster.held:
            self._holding.expect(name)  # whoever launched it may have been killed meanwhile
        return cluster_view(cluster, time.time())

    def _basis(self, plan: ResolvedPlan) -> Basis:
        return basis_of(plan, self._sites.catalogue, self._sites.session, self._counters, today())

    async def record(self, *, name: str) -> ClusterFacts:
        """Of a cluster that runs, or of the last one of that name or id that has ended."""
        now = datetime.now(UTC)
        running = self._clusters.get(name) or self._clusters.by_id(name)
        facts = cluster_facts(running, now) if running is not None else kept.find(name)
        if facts is None:
            raise Unknown(
                f"There is no record of a cluster {name!r}. `jupyter continuum record` lists "
                f"those that there are, for {kept.KEPT_DAYS} days after their end."
            )
        return facts

    async def records(self) -> list[RecordView]:
        now = datetime.now(UTC)
        running = [cluster_facts(cluster, now) for cluster in self._clusters]
        return [record_view(each) for each in (*running, *kept.every())]

    async def clusters(self) -> list[ClusterView]:
        return [cluster_view(cluster, time.time()) for cluster in self._clusters]

    async def cluster(self, *, name: str) -> ClusterView:
        return cluster_view(self._clusters.cluster(name), time.time())

    async def attach(self, *, name: str, csr: str, who: str = "") -> dict[str, Any]:
        return await attaching.attach(self._clusters.cluster(name), csr, who)

    async def end_access(self, *, name: str) -> ClusterView:
        cluster = self._clusters.cluster(name)
        await cluster.end_access()
        return cluster_view(cluster, time.time())

    async def open_access(self, *, name: str) -> ClusterView:
        cluster = self._clusters.cluster(name)
        cluster.access.reopen()
        return cluster_view(cluster, time.time())

    async def access(self, *, cluster: str, enforced: int) -> dict[str, int]:
        return {"least": await self._clusters.cluster(cluster).access.follow(enforced)}

    async def residence(
        self, *, cluster: str, kept: list[str] | None, refused: str, elsewhere: list[str]
    ) -> dict[str, Any]:
        found = self._clusters.cluster(cluster).residence
        return await found.follow(kept=kept, refused=refused, elsewhere=elsewhere)

    async def dashboard(self, *, name: str) -> dict[str, str]:
        return attaching.dashboard(self._clusters.cluster(name))

    async def scale(self, *, name: str, group: str, jobs: int) -> ClusterView:
        if not isinstance(jobs, int) or not 0 <= jobs <= 10_000:
            raise PlanRefused(f"{jobs!r} is not a number of jobs from 0 to 10000.")
        cluster = self._clusters.cluster(name)
        cluster.scale(group, jobs)
        return cluster_view(cluster, time.time())

    async def logs(self, *, name: str, group: str = "", lines: int = 200) -> dict[str, str]:
        if not isinstance(lines, int) or not 1 <= lines <= 100_000:
            raise ContinuumError(f"{lines!r} is not a number of lines from 1 to 100000.")
        cluster = self._clusters.cluster(name)
        groups = [cluster.group(group)] if group else [*cluster.groups.values()]
        return await read_logs(groups, lines)

    async def stop(self, *, name: str) -> ClusterView:
        cluster = self._clusters.cluster(name)
        await cluster.stop()
        return cluster_view(cluster, time.time())

    async def report(
        self,
        *,
        cluster: str,
        workers: list[dict[str, Any]],
        tasks: dict[str, int],
        energy: dict[str, Any] | None = None,
        clients: list[str] | None = None,
    ) -> dict[str, Any]:
        return self._clusters.cluster(cluster).report(workers, tasks, energy, clients)


def _claims(accept: Any) -> list[str]:  # Any: whatever JSON held
    if not isinstance(accept, list | tuple) or not all(isinstance(each, str) for each in accept):
        raise PlanRefused(f"{accept!r} names no claims to accept. They look like lumi:price.")
    return list(accept)
