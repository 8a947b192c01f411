"""One cluster as the broker holds it: authority, hub, scheduler, groups, and their end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jupyter_continuum.broker.clusters import kept
from jupyter_continuum.broker.clusters.access import Access
from jupyter_continuum.broker.clusters.admission import Admission
from jupyter_continuum.broker.clusters.connection_file import (
    remove_connection_file,
    write_connection_file,
)
from jupyter_continuum.broker.clusters.ending import Ending
from jupyter_continuum.broker.clusters.facts import ended_facts
from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.home import Home
from jupyter_continuum.broker.clusters.hub_control import HubControl, News
from jupyter_continuum.broker.clusters.job import AgentEntry, JobEntry
from jupyter_continuum.broker.clusters.ledger import Ledger
from jupyter_continuum.broker.clusters.links import Links
from jupyter_continuum.broker.clusters.metered import read_energy
from jupyter_continuum.broker.clusters.reports import (
    WorkerReport,
    read_clients,
    read_tasks,
    read_workers,
)
from jupyter_continuum.broker.clusters.residence import Residence
from jupyter_continuum.broker.clusters.saving import Saving
from jupyter_continuum.broker.clusters.spending import Spending, Spent
from jupyter_continuum.broker.clusters.starting import Starting
from jupyter_continuum.broker.clusters.store import Store
from jupyter_continuum.broker.front_door.door import Caller
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.cluster.authority import Authority
from jupyter_continuum.errors import BrokerError, PlanRefused, Unknown
from jupyter_continuum.paths import private_dir, socket_dir
from jupyter_continuum.planning.ceilings import Step
from jupyter_continuum.planning.metering import Reading, latest
from jupyter_continuum.planning.resolve import ResolvedGroup

HANG_UP_SECONDS = 3
"""How long agents that were told to end may take before their jobs are cancelled."""
LAST_NEWS_SECONDS = 2
"""How long the hub may take to tell its last counters."""


class Cluster:
    """Everything of one cluster that is not inside its own processes."""

    def __init__(
        self,
        name: str,
        cluster_id: str,
        authority: Authority,
        *,
        lease_seconds: int,
        started: datetime,
        ledger: Ledger,
        find_session: Callable[[str], Session | None],
        on_change: Callable[[Cluster], None],
    ) -> None:
        """Nothing runs before ``start`` or ``resume``; ``records`` makes one."""
        self.name = name
        self.id = cluster_id
        self.lease_seconds = lease_seconds
        self.started = started
        self.ledger = ledger
        self.state = "starting"
        self.reason = "The scheduler starts."
        self.held = False  # whether it is stopped when nobody holds it: see ``holding``
        self.folder = private_dir(socket_dir() / cluster_id)
        """Sockets, and what hub and scheduler read."""
        self.groups: dict[str, Group] = {}
        self.workers: dict[str, WorkerReport] = {}
        """The scheduler's last report, by worker name."""
        self.tasks: dict[str, int] = {}
        self.link_bytes: list[tuple[str, str, int]] = []
        self._authority = authority
        self._find_session = find_session
        self._on_change = on_change
        self._store = Store(name)
        self._retiring: set[str] = set()
        self._relinked: set[str] = set()
        """Agents (``site.agent``) whose link went up or down since the last report."""
        self.home = Home(name, cluster_id, self.folder, authority, self.save)
        self.access = Access(name, save=self.save, save_later=self._save_and_show)
        self._hub = HubControl(self.folder / "hub.ctl", self._heard, self.home.hub_lives)
        self._links = Links(self.folder, self._hub, self.changed)
        self.residence = Residence(self)
        self._admission = Admission(
            self._hub,
            authority,
            self._agent,
            barred=self.residence.why_not,
            joined=self.ledger.installed,
        )
        self._saving = Saving(self._store, self.to_disk)
        self._starting = Starting(
            self, on_hub=self._hub.start, on_scheduler=self._write_connection_file
        )
        self._ending = Ending(self)
        self._spending = Spending(self)

    def save(self) -> None:
        """Write what a restarted broker must know. BrokerError when the disk is full."""
        self._saving.now()

    def save_later(self) -> None:
        """The same, soon, and again until the disk takes it."""
        self._saving.soon()

    def to_disk(self) -> dict[str, Any]:
        """What ``records.restore`` reads. Holds join tokens: for the owner's eyes alone."""
        return {
            "name": self.name,
            "id": self.id,
            "state": self.state,
            "lease_seconds": self.lease_seconds,
            "started": self.started.isoformat(),
            "held": self.held,
            "groups": [group.to_disk() for group in self.groups.values()],
            "ledger": self.ledger.to_disk(),
            "access": self.access.to_disk(),
            "residence": self.residence.to_disk(),
            **self.home.to_disk(),
        }

    # Starting ------------------------------------------------------------------------

    async def start(self) -> None:
        """Start hub and scheduler while the sites are asked already. Raises ContinuumError."""
        for group in self.groups.values():
            group.start()
        await self._starting.start()

    async def resume(self) -> None:
        """Go on with a cluster that an earlier broker left."""
        if self.state == "stopping":
            self._ending.go_on()
            return
        for group in self.groups.values():
            group.start()
        if self.state == "starting":
            self._starting.start_anew()
        else:
            self._starting.take_up()

    def _write_connection_file(self) -> None:
        write_connection_file(
            self.name,
            hub=self.folder / "hub.sock",
            broker=socket_dir() / "broker.sock",
            authority=self._authority.certificate,
            started=self.started,
        )

    # What groups ask -----------------------------------------------------------------

    def session(self, site: str) -> Session | None:
        return self._find_session(site)

    def ceiling(self, site: str) -> Step:
        return self._spending.step(site)

    def spent(self) -> Spent:
        return self._spending.spent()

    def changed(self) -> None:
        self._on_change(self)

    def remember(self, group: ResolvedGroup, job: JobEntry) -> None:
        self.ledger.remember(group.name, job)

    def ready_workers(self, job: JobEntry) -> list[str]:
        """Names of the job's workers that the scheduler knows now."""
        group = next((group for group in self.groups.values() if job in group.jobs), None)
        stem = f"{group.plan.name}-{job.number}-" if group else ""
        return [name for name in self.workers if group and name.startswith(stem)]

    def retire(self, workers: list[str]) -> None:
        self._retiring.update(workers)
        self.changed()

    def is_retiring(self, worker: str) -> bool:
        return worker in self._retiring

    def end_agents(self, site: str, job: JobEntry) -> None:
        for agent in job.agents:
            self._hub.order("end", agent=f"{site}.{agent.id}")

    def link(self, session: Session, job: JobEntry, agent: AgentEntry) -> None:
        announced = session.agents.get((job.name, agent.rank))
        if announced is not None and not agent.refused and self.state != "stopping":
            self._links.ensure(session, agent, announced)

    async def unlink(self, site: str, job: JobEntry) -> None:
        for agent in job.agents:
            await self._links.drop(f"{site}.{agent.id}")

    def _agent(self, name: str) -> tuple[Group, JobEntry, AgentEntry] | None:
        return next(
            (
                (group, job, agent)
                for group in self.groups.values()
                for job in group.jobs
                for agent in job.agents
                if f"{group.plan.site}.{agent.id}" == name
            ),
            None,
        )

    def caller(self, name: str) -> Caller | None:
        """The agent ``site.agent``, should it dial out to us."""
        found = self._agent(name)
        if found is None or self.state == "stopping":
            return None
        _, job, agent = found
        return None if job.over else Caller(job.name, agent.rank, agent.key)

    # What hub and scheduler say --------------------------------------------------------

    def _heard(self, news: News) -> None:
        match news.get("on"):
            case "up" | "down" as kind:
                self._links.news(news["agent"], kind == "up")
                self._relinked.add(news["agent"])
            case "join":
                self._admission.ask(news["agent"], news["request"])
            case "stats":
                self._links.agree(set(news["up"]))
                before = self.link_bytes
                self.link_bytes = [(source, to, n) for source, to, n in news["links"]]
                self.ledger.count(self.link_bytes)
                if self.ledger.watch(datetime.now(UTC)):
                    self.save_later()
                if before != self.link_bytes:
                    self.changed()

    def report(
        self, workers: Any, tasks: Any, energy: Any, clients: Any
    ) -> dict[str, Any]:  # whatever JSON held
        """How the scheduler is; back go workers to retire, and agents with another way."""
        before = set(self.workers)
        self.workers = read_workers(workers)
        self.tasks = read_tasks(tasks)
        self._meter(read_energy(energy))
        self.access.connected = read_clients(clients)
        self._retiring &= set(self.workers)
        if before != set(self.workers):
            for group in self.groups.values():
                group.wake()
        self.changed()
        relinked, self._relinked = self._relinked, set()
        return {"retire": sorted(self._retiring), "relinked": sorted(relinked)}

    def _meter(self, told: dict[str, list[Reading]]) -> None:
        for group in self.groups.values():
            for job in group.jobs:
                for agent in job.agents:
                    readings = told.get(f"{group.plan.name}-{job.number}-{agent.rank}", ())
                    agent.energy = latest(agent.energy, readings)

    # What faces ask --------------------------------------------------------------------

    async def settled(self) -> None:
        """Return once it is decided whether a cluster that starts runs."""
        if self.state in ("starting", "running"):
            await self._starting.until_settled()

    def group(self, name: str) -> Group:
        found = self.groups.get(name)
        if found is None:
            raise Unknown(f"{self.name} has no group {name!r}. It has {', '.join(self.groups)}.")
        return found

    async def end_access(self) -> None:
        """Nobody who attached before has access any more, and nobody is let in. BrokerError."""
        await self.access.end(obeyed=self.state == "running")

    def _save_and_show(self) -> None:
        self.save_later()
        self.changed()

    def scale(self, group: str, jobs: int) -> None:
        if self.state not in ("starting", "running"):
            raise Unknown(f"{self.name} is {self.state} and cannot be scaled. {self.reason}")
        found = self.group(group)
        if jobs and (why := self.residence.why_not(found.plan.site)):
            raise PlanRefused(why)
        found.scale(jobs)
        self.save_later()
        self.changed()

    # Ending ------------------------------------------------------------------------------

    async def stop(self, why: str = "") -> None:
        """End everything everywhere, for ``why``. SiteError where that is not certain."""
        await self._ending.stop(why)

    async def hush(self, why: str) -> None:
        """Nothing is decided or let in any more, and every agent is told to end."""
        self.become("stopping", f"{why} Jobs are being ended.".lstrip())
        self._saving.try_now()
        await self._starting.close()
        await self._admission.close()
        for group in self.groups.values():
            for job in group.jobs:
                self.end_agents(group.plan.site, job)
        await self._links.rest(HANG_UP_SECONDS)

    async def clear(self) -> None:
        """No site has anything left: take away what is left here."""
        await self._links.close()
        await self._hub.last_news("exit", timeout_seconds=LAST_NEWS_SECONDS)
        await self.home.end_hub()
        await self._hub.close()
        self._saving.close()
        remove_connection_file(self.name)
        try:
            kept.keep(ended_facts(self, datetime.now(UTC)))
        except BrokerError as error:
            print(error, flush=True)  # the record is lost, and nothing else
        shutil.rmtree(self.folder, ignore_errors=True)
        self._store.remove()
        self.become("stopped", "")

    async def leave(self) -> None:
        """The broker ends: the cluster goes on without it."""
        await self._ending.close()
        await self._starting.close()
        await asyncio.gather(*(group.close() for group in self.groups.values()))
        await self._admission.close()
        self.ledger.watch(datetime.now(UTC))
        self._saving.finish()
        await self._links.close()
        await self._hub.close()

    def become(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        self.changed()
