"""The broker: sessions, clusters and prompts of one person, behind ``METHODS``."""

from __future__ import annotations

import asyncio
import os
import secrets
import traceback
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from jupyter_continuum import __version__
from jupyter_continuum.broker.clusters.cluster import Cluster
from jupyter_continuum.broker.clusters.dry_run import dry_run
from jupyter_continuum.broker.clusters.foreign import ForeignWays, foreign_views
from jupyter_continuum.broker.clusters.orphans import end_orphans, find_orphans, orphan_views
from jupyter_continuum.broker.clusters.records import create, restore
from jupyter_continuum.broker.clusters.store import stored
from jupyter_continuum.broker.clusters.view import cluster_view
from jupyter_continuum.broker.environments.installed import Environments, Interpreter
from jupyter_continuum.broker.environments.parity import refuse, views
from jupyter_continuum.broker.environments.preparing import (
    Preparing,
    earlier,
    prepared_view,
    wanted_at,
)
from jupyter_continuum.broker.front_door.address import (
    checked_address,
    forget_address,
    load_address,
    save_address,
)
from jupyter_continuum.broker.front_door.door import Caller, FrontDoor, address_view
from jupyter_continuum.broker.lines import PROTOCOL
from jupyter_continuum.broker.messages.address import AddressView
from jupyter_continuum.broker.messages.clusters import (
    ClusterView,
    DryRun,
    ForeignClusterView,
    OrphanView,
)
from jupyter_continuum.broker.messages.environments import ParityView, PreparedView
from jupyter_continuum.broker.messages.events import (
    ClusterEvent,
    ClusterGoneEvent,
    PromptEvent,
    SiteEvent,
)
from jupyter_continuum.broker.messages.probes import ReachView
from jupyter_continuum.broker.messages.prompts import PromptView
from jupyter_continuum.broker.messages.sites import AssociationView, SiteView
from jupyter_continuum.broker.probes.plan import outbound_target, probe_plan
from jupyter_continuum.broker.probes.probes import Probes
from jupyter_continuum.broker.probes.probing import Order
from jupyter_continuum.broker.prompts import Prompts
from jupyter_continuum.broker.sites.profiles import checked_profile, load_profiles
from jupyter_continuum.broker.sites.reach import Reach, address_to_dial, surroundings, today
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.broker.sites.view import known_offers, known_site
from jupyter_continuum.broker.words import first_fault
from jupyter_continuum.errors import BrokerError, ContinuumError, PlanRefused, SiteError, Unknown
from jupyter_continuum.planning.plan import Plan
from jupyter_continuum.planning.resolve import ResolvedPlan, resolve
from jupyter_continuum.sites.probe.facts import Facts
from jupyter_continuum.sites.protocols import CarrierName

PUBLISH_SECONDS = 0.25
"""Changes are gathered for so long before faces are told."""
ANSWER_LENGTH = 4096


class Broker:
    """Everything one broker process knows. Methods named in ``METHODS`` are its face."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._clusters: dict[str, Cluster] = {}
        self._subscribers: dict[object, Callable[[BaseModel], None]] = {}
        self._prompts = Prompts(self._publish)
        self._ways = ForeignWays()
        self._environments = Environments()
        self._front_door = FrontDoor(self._find_caller)
        self._reach = Reach()
        self._probes = Probes(self._tell_of_site, lambda site: self._sites.sessions.get(site))
        self._sites = Sites(
            self._prompts,
            self._site_changed,
            self._front_door,
            reach=self._reach,
            probing=self._probes.progress,
        )
        self._preparing = Preparing(self._publish)
        self._changed_sites: set[str] = set()
        self._changed_clusters: set[str] = set()
        self._something_changed = asyncio.Event()
        self._publishing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open every site that has a profile, and take up clusters that still run."""
        await self._open_front_door()
        self._sites.open_all()
        self._probes.resume()
        for each in stored():
            try:
                cluster = restore(
                    each, find_session=self._sites.sessions.get, on_change=self._cluster_changed
                )
            except (ContinuumError, OSError, ValueError, KeyError, TypeError) as error:
                print(f"The cluster {each['name']!r} is not found again: {error!r}", flush=True)
                continue
            self._clusters[cluster.name] = cluster
            await cluster.resume()
        self._publishing = asyncio.get_running_loop().create_task(self._keep_publishing())

    async def close(self) -> None:
        """End the broker. Clusters go on; a later broker finds them."""
        if self._publishing is not None:
            self._publishing.cancel()
        await asyncio.gather(*(cluster.leave() for cluster in self._clusters.values()))
        # While the sites are still there to be told.
        await self._probes.close()
        await self._preparing.close()
        await self._environments.close()
        await self._ways.close()
        await self._sites.close()
        await self._front_door.close()

    # Sites ---------------------------------------------------------------------------

    async def version(self) -> dict[str, Any]:
        return {
            "protocol": PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
        }

    async def sites(self, *, retired: bool = False) -> list[SiteView]:
        views = [self._sites.view(id) for id in self._sites.ids]
        return [view for view in views if retired or view.state != "retired"]

    async def connect(self, *, profile: dict[str, Any]) -> SiteView:
        wanted = checked_profile(profile)
        open_now = self._sites.sessions.get(wanted.site)
        if open_now is not None and open_now.profile != wanted:
            await self._probes.cancel(wanted.site)
        await self._sites.connect(wanted, self._clusters_at(wanted.site))
        return self._sites.view(wanted.site)

    async def disconnect(self, *, site: str) -> SiteView | None:
        self._sites.session(site)
        running = self._clusters_at(site)
        if running:
            raise ContinuumError(f"{site} is used by {', '.join(running)}. Stop that first.")
        await self._probes.cancel(site)
        await self._sites.disconnect(site)
        self._tell_of_site(site)
        return self._sites.view(site) if site in self._sites.catalogue.sites else None

    async def refresh(self, *, site: str) -> SiteView:
        await self._sites.session(site).sign_in()
        return self._sites.view(site)

    async def associations(self, *, site: str) -> list[AssociationView]:
        session = self._sites.session(site)
        found = await session.attempt(session.launcher.associations)
        return [
            AssociationView(
                account=each.account,
                qos=list(each.qos),
                default_qos=each.default_qos,
                partition=each.partition,
            )
            for each in found
        ]

    async def prepare(
        self,
        *,
        site: str,
        gpu: str = "",
        packages: list[str] | None = None,
        directory: str = "",
        under_home: bool = False,
        node_local: str = "",
        prune: bool = False,
    ) -> PreparedView:
        session = self._sites.session(site)
        wanted = wanted_at(
            session,
            gpu=gpu,
            packages=packages or [],
            directory=directory,
            under_home=under_home,
            node_local=node_local,
        )
        built = await self._preparing.run(session, wanted)
        self._environments.forget(site)
        # A face may have connected the site anew meanwhile.
        session = self._sites.session(site)
        profile = session.profile.model_copy(update={"python": built.python})
        await self._sites.connect(profile, self._clusters_at(site))
        # Of every site: two profiles may reach one file system.
        used = [profile.python for profile in load_profiles().by_site.values()] + [
            group.plan.python
            for cluster in self._clusters.values()
            for group in cluster.groups.values()
        ]
        kept = await earlier(session, built, used=used, remove=prune is True)
        return prepared_view(session, built, kept)

    async def stop_preparing(self, *, site: str) -> dict[str, Any]:
        await self._preparing.stop(site)
        return {}

    async def audit(self, *, site: str = "", end: bool = False) -> list[OrphanView]:
        """Jobs named like ours that no cluster here owns; ``end`` ends them.

        Of all sites, those that answer; of one, SiteError says when it does not.
        """
        if site:
            return await self._audit(self._sites.session(site), end)
        ready = [session for session in self._sites.sessions.values() if session.ready]
        found = await asyncio.gather(*(self._audit(each, end) for each in ready))
        return [orphan for orphans in found for orphan in orphans]

    async def _audit(self, session: Session, end: bool) -> list[OrphanView]:
        jobs = await find_orphans(session, self._own_jobs)
        if end:
            await end_orphans(session, jobs)
        return orphan_views(session, jobs, ended=end)

    def _own_jobs(self) -> set[str]:
        return self._probes.jobs | {
            job.name
            for cluster in self._clusters.values()
            for group in cluster.groups.values()
            for job in group.jobs
        }

    # The address that sites dial ---------------------------------------------------------

    async def address(self) -> AddressView | None:
        return address_view(self._front_door)

    async def set_address(self, *, address: dict[str, Any]) -> AddressView | None:
        wanted, before = checked_address(address), self._front_door.address
        try:
            await self._front_door.open(wanted)
            save_address(wanted)
        except BrokerError:
            if before is None:
                await self._front_door.close()
            else:
                await self._open_front_door()
            raise
        for session in self._sites.sessions.values():
            session.ways.ask_anew(CarrierName.OUTBOUND)
        return address_view(self._front_door)

    async def forget_address(self) -> dict[str, Any]:
        forget_address()
        await self._front_door.close()
        return {}

    async def _open_front_door(self) -> None:
        """A door that does not open closes nothing else."""
        try:
            address = load_address()
            if address is not None:
                await self._front_door.open(address)
        except ContinuumError as error:
            print(error, flush=True)

    def _find_caller(self, cluster_id: str, agent: str) -> Caller | None:
        cluster = next((each for each in self._clusters.values() if each.id == cluster_id), None)
        return cluster.caller(agent) if cluster is not None else None

    # Reach ---------------------------------------------------------------------------

    async def probe(
        self, *, site: str, offer: str = "", wait_minutes: float = 10, outbound: str = ""
    ) -> ReachView | None:
        session = self._sites.session(site)
        if not isinstance(wait_minutes, int | float) or not 0 <= wait_minutes <= 24 * 60:
            raise PlanRefused(f"{wait_minutes!r} is not a number of minutes from 0 to 1440.")
        target = outbound_target(outbound or address_to_dial(session))
        plan = probe_plan(self._sites.view(site).offers, site=site, offer=offer)
        group = self._resolve(plan.model_dump(mode="json")).groups[0]
        order = Order(group, wait_seconds=60 * wait_minutes, outbound=target)

        def keep(job: str, facts: Facts) -> None:
            self._reach.record(site, group.offer, facts, job=job, today=today())
            self._reach.apply(session, today())

        if not await self._probes.run(session, order, keep):
            return None
        return self._reach.view(surroundings(session), today(), offer=group.offer)

    async def cancel_probe(self, *, site: str) -> dict[str, Any]:
        await self._probes.cancel(site)
        return {}

    async def reach(self, *, site: str, offer: str = "") -> ReachView | None:
        return self._reach.view(surroundings(self._sites.session(site)), today(), offer=offer)

    # Clusters ------------------------------------------------------------------------

    async def dry_run(self, *, plan: dict[str, Any]) -> DryRun:
        resolved = self._resolve(plan)
        return dry_run(resolved, self._sites.session, await self._parity(resolved))

    async def launch(self, *, plan: dict[str, Any]) -> ClusterView:
        resolved = self._resolve(plan)
        name = resolved.name or f"cluster-{secrets.token_hex(2)}"
        if name in self._clusters:
            raise _taken(name)
        refuse(await self._parity(resolved))
        if name in self._clusters:
            raise _taken(name)
        cluster = create(
            name, resolved, find_session=self._sites.sessions.get, on_change=self._cluster_changed
        )
        self._clusters[name] = cluster
        try:
            await cluster.start()
        except ContinuumError as error:
            try:
                await cluster.stop()
            except SiteError as left:
                raise BrokerError(f"{error} {left}") from error
            raise
        return cluster_view(cluster)

    async def clusters(self) -> list[ClusterView]:
        return [cluster_view(cluster) for cluster in self._clusters.values()]

    async def cluster(self, *, name: str) -> ClusterView:
        return cluster_view(self._cluster(name))

    async def attach(self, *, name: str, csr: str) -> dict[str, Any]:
        return await self._cluster(name).attach(csr)

    async def dashboard(self, *, name: str) -> dict[str, str]:
        return self._cluster(name).dashboard()

    async def foreign_clusters(self) -> list[ForeignClusterView]:
        sessions = self._sites.sessions.values()
        return [view for session in sessions for view in foreign_views(session)]

    async def attach_foreign(self, *, site: str, name: str) -> dict[str, Any]:
        return {"socket": str(await self._ways.open(self._sites.session(site), name))}

    async def scale(self, *, name: str, group: str, jobs: int) -> ClusterView:
        if not isinstance(jobs, int) or not 0 <= jobs <= 10_000:
            raise PlanRefused(f"{jobs!r} is not a number of jobs from 0 to 10000.")
        cluster = self._cluster(name)
        cluster.scale(group, jobs)
        return cluster_view(cluster)

    async def logs(self, *, name: str, group: str = "", lines: int = 200) -> dict[str, str]:
        if not isinstance(lines, int) or not 1 <= lines <= 100_000:
            raise ContinuumError(f"{lines!r} is not a number of lines from 1 to 100000.")
        return await self._cluster(name).logs(group, lines)

    async def stop(self, *, name: str) -> ClusterView:
        cluster = self._cluster(name)
        await cluster.stop()
        return cluster_view(cluster)

    async def report(
        self, *, cluster: str, workers: list[dict[str, Any]], tasks: dict[str, int]
    ) -> dict[str, Any]:
        return self._cluster(cluster).report(workers, tasks)

    # Faces ---------------------------------------------------------------------------

    async def prompts(self) -> list[PromptView]:
        return self._prompts.views()

    async def answer(self, *, id: str, value: str | None = None) -> dict[str, Any]:
        if value is not None and (not isinstance(value, str) or len(value) > ANSWER_LENGTH):
            raise ContinuumError(f"An answer is a text of at most {ANSWER_LENGTH} signs.")
        self._prompts.answer(id, value)
        return {}

    async def shutdown(self) -> dict[str, Any]:
        self.ended.set()
        return {}

    def subscribe(self, key: object, tell: Callable[[BaseModel], None]) -> None:
        """Tell ``tell`` the present state, then every change until ``unsubscribe(key)``."""
        for id in self._sites.ids:
            tell(SiteEvent(site=self._sites.view(id)))
        for cluster in self._clusters.values():
            tell(ClusterEvent(cluster=cluster_view(cluster)))
        for prompt in self._prompts.views():
            tell(PromptEvent(prompt=prompt))
        self._subscribers[key] = tell

    def unsubscribe(self, key: object) -> None:
        self._subscribers.pop(key, None)

    # Inside --------------------------------------------------------------------------

    def _cluster(self, name: str) -> Cluster:
        cluster = self._clusters.get(name)
        if cluster is None:
            there = ", ".join(self._clusters) or "none"
            raise Unknown(f"There is no cluster {name!r}. Running: {there}.")
        return cluster

    def _clusters_at(self, site: str) -> list[str]:
        return [
            cluster.name
            for cluster in self._clusters.values()
            if any(group.plan.site == site for group in cluster.groups.values())
        ]

    def _resolve(self, plan: dict[str, Any]) -> ResolvedPlan:
        try:
            wanted = Plan.model_validate(plan)
        except ValidationError as error:
            raise PlanRefused(f"The plan is not valid: {first_fault(error)}") from error
        offers = [offer for id in self._sites.ids for offer in known_offers(self._sites.view(id))]
        sessions = self._sites.sessions.values()
        return resolve(wanted, offers, [known_site(each) for each in sessions])

    async def _parity(self, plan: ResolvedPlan) -> list[ParityView]:
        """The environments of all sites of the plan, asked where they are not known."""
        wanted: list[tuple[Session, Interpreter]] = []
        drivers: dict[Interpreter, str] = {}
        for group in plan.groups:
            session = self._sites.session(group.site)
            interpreter = Interpreter.of(session, group.python, group.prologue)
            wanted.append((session, interpreter))
            if group.gpus_per_worker:
                facts = self._reach.facts(group.site, group.offer, today())
                drivers[interpreter] = facts.cuda or ""
        return views(await self._environments.answers(wanted), drivers)

    def _site_changed(self, session: Session) -> None:
        self._environments.expect(session)
        self._reach.apply(session, today())  # what was measured may have expired
        self._tell_of_site(session.site)
        for cluster in self._clusters.values():
            for group in cluster.groups.values():
                if group.plan.site == session.site:
                    group.wake()

    def _tell_of_site(self, id: str) -> None:
        self._changed_sites.add(id)
        self._something_changed.set()

    def _cluster_changed(self, cluster: Cluster) -> None:
        if cluster.state == "stopped":
            if self._clusters.get(cluster.name) is cluster:
                del self._clusters[cluster.name]
                self._publish(ClusterGoneEvent(name=cluster.name))
            return
        self._changed_clusters.add(cluster.name)
        self._something_changed.set()

    def _publish(self, event: BaseModel) -> None:
        for tell in list(self._subscribers.values()):
            tell(event)

    async def _keep_publishing(self) -> None:
        while True:
            await self._something_changed.wait()
            await asyncio.sleep(PUBLISH_SECONDS)  # gather what changes together
            self._something_changed.clear()
            sites, self._changed_sites = self._changed_sites, set()
            clusters, self._changed_clusters = self._changed_clusters, set()
            try:
                for id in sites:
                    self._publish(SiteEvent(site=self._sites.view(id)))
                for name in clusters & self._clusters.keys():
                    self._publish(ClusterEvent(cluster=cluster_view(self._clusters[name])))
            except Exception:  # the top of this loop: one odd view must not silence all others
                traceback.print_exc()


def _taken(name: str) -> PlanRefused:
    return PlanRefused(
        f"A cluster {name!r} is there already. Choose another name, or stop that one: "
        f"`jupyter continuum stop {name}`."
    )
