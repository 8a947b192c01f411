"""The broker: sessions, clusters and prompts of one person, behind ``messages.METHODS``."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from jupyter_continuum import __version__
from jupyter_continuum.broker.cluster import Cluster
from jupyter_continuum.broker.cluster_view import cluster_view
from jupyter_continuum.broker.job import JobEntry, request
from jupyter_continuum.broker.messages import (
    PROTOCOL,
    AssociationView,
    ClusterEvent,
    ClusterGoneEvent,
    ClusterView,
    DryRun,
    GroupDryRun,
    OrphanView,
    PromptEvent,
    PromptView,
    SiteEvent,
    SiteState,
    SiteView,
)
from jupyter_continuum.broker.opening import HERE, open_session
from jupyter_continuum.broker.profiles import (
    checked_profile,
    first_fault,
    forget_profile,
    load_profiles,
    save_profile,
)
from jupyter_continuum.broker.prompts import Prompts
from jupyter_continuum.broker.session import Session
from jupyter_continuum.broker.site_view import known_offers, known_site, site_view
from jupyter_continuum.broker.store import stored
from jupyter_continuum.catalogue import Catalogue, load
from jupyter_continuum.errors import ContinuumError, PlanRefused, SiteError, Unknown
from jupyter_continuum.planning.plan import Plan
from jupyter_continuum.planning.resolve import ResolvedPlan, resolve
from jupyter_continuum.sites.profile import Profile
from jupyter_continuum.sites.protocols import JobState

PUBLISH_SECONDS = 0.25
"""Changes are gathered for so long before faces are told."""


class Broker:
    """Everything one broker process knows. Methods named in ``messages.METHODS`` are its face."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._catalogue: Catalogue = load()
        self._sessions: dict[str, Session] = {}
        self._clusters: dict[str, Cluster] = {}
        self._subscribers: dict[object, Callable[[BaseModel], None]] = {}
        self._prompts = Prompts(self._publish)
        self._changed_sites: set[str] = set()
        self._changed_clusters: set[str] = set()
        self._something_changed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._profile_faults: dict[str, str] = {}

    async def start(self) -> None:
        """Open every site that has a profile, and take up clusters that still run."""
        profiles = load_profiles()
        self._profile_faults = profiles.broken
        for profile in {"local": HERE, **profiles.by_site}.values():
            self._open(profile).start()
        for each in stored():
            cluster = Cluster.restore(
                each, find_session=self._sessions.get, on_change=self._cluster_changed
            )
            self._clusters[cluster.name] = cluster
            await cluster.resume()
        self._spawn(self._keep_publishing())

    async def close(self) -> None:
        """End the broker. Clusters go on; a later broker finds them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(cluster.leave() for cluster in self._clusters.values()))
        await asyncio.gather(*(session.close() for session in self._sessions.values()))

    # Sites ---------------------------------------------------------------------------

    async def version(self) -> dict[str, Any]:
        return {
            "protocol": PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
        }

    async def sites(self, *, retired: bool = False) -> list[SiteView]:
        ids = [*self._sessions, *(id for id in self._catalogue.sites if id not in self._sessions)]
        views = [self._site(id) for id in ids]
        return [view for view in views if retired or view.state != "retired"]

    async def connect(self, *, profile: dict[str, Any]) -> SiteView:
        wanted = checked_profile(profile)
        record = self._catalogue.sites.get(wanted.site)
        if record is not None and record.lifecycle in ("retired", "planned"):
            raise PlanRefused(f"{record.name} cannot be connected. {self._site(record.id).reason}")
        running = self._clusters_at(wanted.site)
        old = self._sessions.get(wanted.site)
        if old is not None and old.profile == wanted:
            await old.sign_in()
            return self._site(wanted.site)
        if old is not None and _same_login(load_profiles().by_site.get(wanted.site), wanted):
            # Account, QoS and the like count for the next job; no code is asked for again.
            save_profile(wanted)
            old.profile = wanted
            await old.sign_in()
            self._site_changed(old)
            return self._site(wanted.site)
        if old is not None and running:
            raise ContinuumError(
                f"{wanted.site} cannot be changed while {', '.join(running)} uses it. "
                "Stop that cluster first."
            )
        if old is not None:
            await old.close()
        save_profile(wanted)
        session = self._open(wanted)
        try:
            await session.sign_in()
        finally:
            session.start()
        return self._site(wanted.site)

    async def disconnect(self, *, site: str) -> SiteView | None:
        session = self._session(site)
        running = self._clusters_at(site)
        if running:
            raise ContinuumError(f"{site} is used by {', '.join(running)}. Stop that first.")
        await session.close()
        del self._sessions[site]
        if site != HERE.site:
            forget_profile(site)
        self._changed_sites.add(site)
        self._something_changed.set()
        return self._site(site) if site in self._catalogue.sites else None

    async def refresh(self, *, site: str) -> SiteView:
        await self._session(site).sign_in()
        return self._site(site)

    async def associations(self, *, site: str) -> list[AssociationView]:
        session = self._session(site)
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

    async def audit(self, *, site: str = "", end: bool = False) -> list[OrphanView]:
        """Jobs named like ours that no cluster here owns; ``end`` ends them."""
        chosen = [self._session(site)] if site else list(self._sessions.values())
        found = await asyncio.gather(*(self._orphans(each, end) for each in chosen))
        return [orphan for orphans in found for orphan in orphans]

    async def _orphans(self, session: Session, end: bool) -> list[OrphanView]:
        if not session.ready:
            return []
        own = {
            job.name
            for cluster in self._clusters.values()
            for group in cluster.groups.values()
            for job in group.jobs
        }
        status = await session.look()
        orphans = [
            job
            for job in status.jobs
            if job.name not in own and job.state in (JobState.QUEUED, JobState.RUNNING)
        ]
        if end and orphans:
            await session.attempt(lambda: session.launcher.cancel([job.name for job in orphans]))
        return [
            OrphanView(
                site=session.site,
                job=job.name,
                job_id=job.id,
                state="ended" if end else job.state,
                reason=job.reason,
            )
            for job in orphans
        ]

    # Clusters ------------------------------------------------------------------------

    async def dry_run(self, *, plan: dict[str, Any]) -> DryRun:
        resolved = self._resolve(plan)
        name = resolved.name or "cluster"
        groups = []
        for group in resolved.groups:
            session = self._session(group.site)
            job = JobEntry.plan(name, group, 0)
            asked = request(
                job,
                group,
                cluster=name,
                cluster_id="000000",
                lease_seconds=resolved.lease_seconds,
                direct="none",
            )
            groups.append(
                GroupDryRun(
                    group=group.name,
                    offer=group.offer,
                    jobs=group.jobs,
                    workers=group.workers,
                    script=session.launcher.script(asked),
                )
            )
        return DryRun(cluster=name, groups=groups, warnings=list(resolved.warnings))

    async def launch(self, *, plan: dict[str, Any]) -> ClusterView:
        resolved = self._resolve(plan)
        name = resolved.name or f"cluster-{secrets.token_hex(2)}"
        if name in self._clusters:
            raise PlanRefused(
                f"A cluster {name!r} is there already. Choose another name, or stop that one: "
                f"`jupyter continuum stop {name}`."
            )
        cluster = Cluster.create(
            name, resolved, find_session=self._sessions.get, on_change=self._cluster_changed
        )
        self._clusters[name] = cluster
        try:
            await cluster.start()
        except ContinuumError:
            await self.stop(name=name)
            raise
        return cluster_view(cluster)

    async def clusters(self) -> list[ClusterView]:
        return [cluster_view(cluster) for cluster in self._clusters.values()]

    async def cluster(self, *, name: str) -> ClusterView:
        return cluster_view(self._cluster(name))

    async def attach(self, *, name: str, csr: str) -> dict[str, Any]:
        return await self._cluster(name).attach(csr)

    async def scale(self, *, name: str, group: str, jobs: int) -> ClusterView:
        if not isinstance(jobs, int) or not 0 <= jobs <= 10_000:
            raise PlanRefused(f"{jobs!r} is not a number of jobs from 0 to 10000.")
        cluster = self._cluster(name)
        cluster.scale(group, jobs)
        return cluster_view(cluster)

    async def logs(self, *, name: str, group: str = "", lines: int = 200) -> dict[str, str]:
        return await self._cluster(name).logs(group, lines)

    async def stop(self, *, name: str) -> ClusterView:
        cluster = self._cluster(name)
        try:
            await cluster.stop()
        except SiteError:
            self._spawn(self._stop_later(cluster))
            raise
        self._gone(cluster)
        return cluster_view(cluster)

    async def report(
        self, *, cluster: str, workers: list[dict[str, Any]], tasks: dict[str, int]
    ) -> dict[str, Any]:
        return self._cluster(cluster).report(workers, tasks)

    # Faces ---------------------------------------------------------------------------

    async def prompts(self) -> list[PromptView]:
        return self._prompts.views()

    async def answer(self, *, id: str, value: str | None = None) -> dict[str, Any]:
        self._prompts.answer(id, value)
        return {}

    async def shutdown(self) -> dict[str, Any]:
        self.ended.set()
        return {}

    def subscribe(self, key: object, tell: Callable[[BaseModel], None]) -> None:
        """Tell ``tell`` the present state, then every change until ``unsubscribe(key)``."""
        for id in [*self._sessions, *self._catalogue.sites]:
            tell(SiteEvent(site=self._site(id)))
        for cluster in self._clusters.values():
            tell(ClusterEvent(cluster=cluster_view(cluster)))
        for prompt in self._prompts.views():
            tell(PromptEvent(prompt=prompt))
        self._subscribers[key] = tell

    def unsubscribe(self, key: object) -> None:
        self._subscribers.pop(key, None)

    # Inside --------------------------------------------------------------------------

    def _site(self, id: str) -> SiteView:
        today = datetime.now(UTC).date()
        record, session = self._catalogue.sites.get(id), self._sessions.get(id)
        if record is None and session is None:
            return SiteView(
                id=id, name=id, kind="own", state=SiteState.CATALOGUED, reason="Disconnected."
            )
        return site_view(record, session, today)

    def _session(self, site: str) -> Session:
        session = self._sessions.get(site)
        if session is None:
            record = self._catalogue.site(site)  # raises Unknown with look-alikes
            raise Unknown(
                f"{record.name} is not connected. Connect it: `jupyter continuum connect {site}`."
            )
        return session

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

    def _open(self, profile: Profile) -> Session:
        session = open_session(
            profile, asker=self._prompts, save=_save, on_change=self._site_changed
        )
        self._sessions[profile.site] = session
        return session

    def _resolve(self, plan: dict[str, Any]) -> ResolvedPlan:
        try:
            wanted = Plan.model_validate(plan)
        except ValidationError as error:
            raise PlanRefused(f"The plan is not valid: {first_fault(error)}") from error
        ids = {*self._catalogue.sites, *self._sessions}
        offers = [offer for id in ids for offer in known_offers(self._site(id))]
        return resolve(wanted, offers, [known_site(each) for each in self._sessions.values()])

    async def _stop_later(self, cluster: Cluster) -> None:
        await cluster._stop_in_background()
        self._gone(cluster)

    def _gone(self, cluster: Cluster) -> None:
        self._clusters.pop(cluster.name, None)
        self._publish(ClusterGoneEvent(name=cluster.name))

    def _site_changed(self, session: Session) -> None:
        self._changed_sites.add(session.site)
        self._something_changed.set()
        for cluster in self._clusters.values():
            for group in cluster.groups.values():
                if group.plan.site == session.site:
                    group.wake()

    def _cluster_changed(self, cluster: Cluster) -> None:
        self._changed_clusters.add(cluster.name)
        self._something_changed.set()

    def _publish(self, event: BaseModel) -> None:
        for tell in self._subscribers.values():
            tell(event)

    async def _keep_publishing(self) -> None:
        while True:
            await self._something_changed.wait()
            await asyncio.sleep(PUBLISH_SECONDS)  # gather what changes together
            self._something_changed.clear()
            sites, self._changed_sites = self._changed_sites, set()
            clusters, self._changed_clusters = self._changed_clusters, set()
            for id in sites:
                self._publish(SiteEvent(site=self._site(id)))
            for name in clusters & self._clusters.keys():
                self._publish(ClusterEvent(cluster=cluster_view(self._clusters[name])))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _same_login(saved: Profile | None, wanted: Profile) -> bool:
    """True when the open session serves ``wanted`` too; ``saved`` has the pinned host key."""
    fields = ("kind", "ssh", "emulated", "work_directory")
    return saved is not None and all(
        getattr(saved, field) == getattr(wanted, field) for field in fields
    )


def _save(profile: Profile) -> None:
    save_profile(profile)
