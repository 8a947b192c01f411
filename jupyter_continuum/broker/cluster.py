"""One cluster as the broker holds it: authority, hub, scheduler, groups, and their end."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_continuum.broker import processes
from jupyter_continuum.broker.group import Group
from jupyter_continuum.broker.hub_control import HubControl, News
from jupyter_continuum.broker.job import AgentEntry, JobEntry
from jupyter_continuum.broker.joining import SCHEDULER, Refusal, grant
from jupyter_continuum.broker.links import Links
from jupyter_continuum.broker.processes import ProcessId
from jupyter_continuum.broker.session import Session
from jupyter_continuum.broker.store import Store
from jupyter_continuum.cluster.authority import Authority, make_authority
from jupyter_continuum.cluster.wide_link import wide_link
from jupyter_continuum.errors import ContinuumError, SiteError, SiteUnreachable, Unknown
from jupyter_continuum.paths import private_dir, socket_dir, write_private
from jupyter_continuum.planning.resolve import ResolvedGroup, ResolvedPlan

SCHEDULER_LIFE = timedelta(days=31)
CLIENT_LIFE = timedelta(days=1)
END_SECONDS = 90
"""How long ``stop`` waits for a site to say that nothing is left."""


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
        find_session: Callable[[str], Session | None],
        on_change: Callable[[Cluster], None],
    ) -> None:
        self.name = name
        self.id = cluster_id
        self.lease_seconds = lease_seconds
        self.started = started
        self.state = "starting"
        self.reason = "The scheduler starts."
        self.folder = private_dir(socket_dir() / cluster_id)
        """Sockets, and what hub and scheduler read."""
        self.groups: dict[str, Group] = {}
        self.workers: dict[str, dict[str, Any]] = {}
        """The scheduler's last report, by worker name."""
        self.tasks: dict[str, int] = {}
        self.link_bytes: list[tuple[str, str, int]] = []
        self.dashboard_port: int | None = None
        self._authority = authority
        self._find_session = find_session
        self._on_change = on_change
        self._store = Store(name)
        self._hub_process: ProcessId | None = None
        self._scheduler_process: ProcessId | None = None
        self._retiring: set[str] = set()
        self._scheduler_ready = asyncio.Event()
        self._joins: set[asyncio.Task[None]] = set()
        self._hub = HubControl(self.folder / "hub.ctl", self._heard, self._hub_lives)
        self._links = Links(self.folder, self._hub, self.changed)
        self._start: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    # From nothing, and from the disk ---------------------------------------------------

    @classmethod
    def create(
        cls,
        name: str,
        plan: ResolvedPlan,
        *,
        find_session: Callable[[str], Session | None],
        on_change: Callable[[Cluster], None],
    ) -> Cluster:
        """A new cluster; nothing runs before ``start``."""
        authority = make_authority(name)
        cluster = cls(
            name,
            secrets.token_hex(3),
            authority,
            lease_seconds=plan.lease_seconds,
            started=datetime.now(UTC),
            find_session=find_session,
            on_change=on_change,
        )
        for group in plan.groups:
            cluster.groups[group.name] = Group(cluster, group, group.jobs)
        cluster._store.create(authority)
        cluster.save()
        return cluster

    @classmethod
    def restore(
        cls,
        stored: dict[str, Any],
        *,
        find_session: Callable[[str], Session | None],
        on_change: Callable[[Cluster], None],
    ) -> Cluster:
        """A cluster that an earlier broker left running."""
        cluster = cls(
            stored["name"],
            stored["id"],
            Store(stored["name"]).authority(),
            lease_seconds=stored["lease_seconds"],
            started=datetime.fromisoformat(stored["started"]),
            find_session=find_session,
            on_change=on_change,
        )
        cluster.state, cluster.reason = stored["state"], ""
        cluster.dashboard_port = stored["dashboard_port"]
        cluster._hub_process = _process(stored["hub"])
        cluster._scheduler_process = _process(stored["scheduler"])
        for each in stored["groups"]:
            group = Group(cluster, ResolvedGroup(**each["plan"]), each["wanted"])
            group.next_number = each["next_number"]
            group.jobs = [JobEntry.from_disk(job) for job in each["jobs"]]
            cluster.groups[group.plan.name] = group
        return cluster

    def save(self) -> None:
        """Write what a restarted broker must know."""
        hub, scheduler = self._hub_process, self._scheduler_process
        self._store.save(
            {
                "name": self.name,
                "id": self.id,
                "state": self.state,
                "lease_seconds": self.lease_seconds,
                "started": self.started.isoformat(),
                "dashboard_port": self.dashboard_port,
                "hub": asdict(hub) if hub else None,
                "scheduler": asdict(scheduler) if scheduler else None,
                "groups": [
                    {
                        "plan": asdict(group.plan),
                        "wanted": group.wanted,
                        "next_number": group.next_number,
                        "jobs": [job.to_disk() for job in group.jobs],
                    }
                    for group in self.groups.values()
                ],
            }
        )

    # Starting ------------------------------------------------------------------------

    async def start(self) -> None:
        """Start hub and scheduler while the sites are asked already."""
        for group in self.groups.values():
            group.start()
        broker = socket_dir() / "broker.sock"
        config = {"name": self.name, "cluster_id": self.id, "broker": str(broker)}
        write_private(self.folder / "cluster.json", json.dumps(config).encode())
        try:
            self._hub_process = await processes.start_hub(self.folder)
            self._hub.start()
            self._scheduler_process, ready = await processes.start_scheduler(
                self.folder, self._sign_scheduler
            )
        except ContinuumError as error:
            self._become("failed", str(error))
            self.save()
            raise
        self.dashboard_port = ready["dashboard_port"]
        self._running()

    async def resume(self) -> None:
        """Go on with a cluster that an earlier broker left."""
        if self.state == "stopping":
            self._watch = asyncio.create_task(self._stop_in_background())
            return
        if not (self._lives(self._hub_process) and self._lives(self._scheduler_process)):
            self._become(
                "failed",
                "Its scheduler has ended, and with it all results. Stop it and launch again.",
            )
            for group in self.groups.values():
                group.wanted = 0
        else:
            self._hub.start()
            self._running()
        for group in self.groups.values():
            group.start()

    def _running(self) -> None:
        self._become("running", "")
        self._scheduler_ready.set()
        self._watch = asyncio.create_task(self._watch_processes(), name=f"watch {self.name}")
        self.save()

    async def _watch_processes(self) -> None:
        """Say it when hub or scheduler die: results are gone then."""
        while self._lives(self._scheduler_process) and self._lives(self._hub_process):
            await asyncio.sleep(1)
        what = "hub" if self._lives(self._scheduler_process) else "scheduler"
        self._become(
            "failed", f"Its {what} has ended, and with it all results. Stop it and launch again."
        )
        self.workers.clear()
        for group in self.groups.values():
            group.scale(0)

    def _sign_scheduler(self, csr: str) -> dict[str, str]:
        return self._sign(csr, f"{self.name}.scheduler", SCHEDULER_LIFE)

    def _sign(self, csr: str, name: str, life: timedelta) -> dict[str, str]:
        leaf = self._authority.sign(csr, name=name, life=life, now=datetime.now(UTC))
        return {"certificate": leaf.decode(), "ca": self._authority.certificate.decode()}

    def _lives(self, process: ProcessId | None) -> bool:
        return process is not None and process.alive

    def _hub_lives(self) -> bool:
        return self._lives(self._hub_process)

    # What groups ask -----------------------------------------------------------------

    def session(self, site: str) -> Session | None:
        return self._find_session(site)

    def changed(self) -> None:
        self._on_change(self)

    def ready_workers(self, job: JobEntry) -> list[str]:
        """Names of the job's workers that the scheduler knows now."""
        group = self._group_of(job)
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
        if announced is not None and not agent.refused:
            self._links.ensure(session, agent, announced)

    async def unlink(self, site: str, job: JobEntry) -> None:
        for agent in job.agents:
            await self._links.drop(f"{site}.{agent.id}")

    def _group_of(self, job: JobEntry) -> Group | None:
        return next((group for group in self.groups.values() if job in group.jobs), None)

    # What hub and scheduler say --------------------------------------------------------

    def _heard(self, news: News) -> None:
        match news.get("on"):
            case "up" | "down" as kind:
                self._links.news(news["agent"], kind == "up", news.get("reason", ""))
            case "join":
                task = asyncio.create_task(self._join(news["agent"], news["request"]))
                self._joins.add(task)
                task.add_done_callback(self._joins.discard)
            case "stats":
                before = self.link_bytes
                self.link_bytes = [(source, to, n) for source, to, n in news["links"]]
                if before != self.link_bytes:
                    self.changed()

    async def _join(self, name: str, asked: dict[str, Any]) -> None:
        """An agent wants to be let in: check it, sign for its workers."""
        found = [
            (group, job, agent)
            for group in self.groups.values()
            for job in group.jobs
            for agent in job.agents
            if f"{group.plan.site}.{agent.id}" == name
        ]
        if not found:
            self._hub.order("refuse", agent=name, reason="This agent belongs to no job.")
            return
        group, job, agent = found[0]
        await self._scheduler_ready.wait()
        try:
            granted = await asyncio.to_thread(
                grant, asked, job=job, agent=agent, group=group.plan, authority=self._authority
            )
        except Refusal as refusal:
            agent.refused = str(refusal)
            self._hub.order("refuse", agent=name, reason=str(refusal))
        else:
            agent.granted = True
            self._hub.order("grant", agent=name, grant=granted)
        self.save()
        self.changed()
        group.wake()

    def report(self, workers: list[dict[str, Any]], tasks: dict[str, int]) -> dict[str, Any]:
        """The scheduler tells how it is; the answer names workers to retire."""
        before = set(self.workers)
        self.workers = {str(worker["name"]): worker for worker in workers}
        self.tasks = tasks
        self._retiring &= set(self.workers)
        if before != set(self.workers):
            for group in self.groups.values():
                group.wake()
        self.changed()
        return {"retire": sorted(self._retiring)}

    # What faces ask --------------------------------------------------------------------

    async def attach(self, csr: str) -> dict[str, Any]:
        """Let a client in: a leaf for its key, and how to reach the scheduler."""
        if self.state not in ("starting", "running"):
            raise Unknown(f"{self.name} is {self.state}. {self.reason}")
        await self._scheduler_ready.wait()
        name = f"{self.name}.client-{secrets.token_hex(4)}"
        config = wide_link()
        # Dask would make a link of the relay's host name, which no browser can open.
        link = f"http://127.0.0.1:{self.dashboard_port}/status"
        config["distributed"]["dashboard"] = {"link": link}
        return {
            "address": SCHEDULER,
            "hub": str(self.folder / "hub.sock"),
            "site": "home",
            "config": config,
            **self._sign(csr, name, CLIENT_LIFE),
        }

    def group(self, name: str) -> Group:
        found = self.groups.get(name)
        if found is None:
            raise Unknown(f"{self.name} has no group {name!r}. It has {', '.join(self.groups)}.")
        return found

    def scale(self, group: str, jobs: int) -> None:
        self.group(group).scale(jobs)
        self.save()
        self.changed()

    async def logs(self, group: str, lines: int) -> dict[str, str]:
        """The last lines of every job's log; a sentence where a site does not answer."""
        chosen = [self.group(group)] if group else list(self.groups.values())
        jobs = [(each, job) for each in chosen for job in each.jobs]
        texts = await asyncio.gather(*(self._log(each, job) for each, job in jobs))
        return {
            job.name: "\n".join(text.splitlines()[-lines:])
            for (_, job), text in zip(jobs, texts, strict=True)
        }

    async def _log(self, group: Group, job: JobEntry) -> str:
        session = self.session(group.plan.site)
        if session is None:
            return f"{group.plan.site} is not connected."
        try:
            async with asyncio.timeout(20):
                return await session.attempt(lambda: session.launcher.log(job.name))
        except (SiteError, TimeoutError) as error:
            return f"The log cannot be read: {error or 'no answer within 20 s'}."

    # Ending ------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End everything everywhere. SiteError names a site where that is not certain."""
        self._become("stopping", "Jobs are being ended.")
        self.save()
        await self._hush()
        for group in self.groups.values():
            for job in group.jobs:
                self.end_agents(group.plan.site, job)
        _, *failures = await asyncio.gather(
            self._end_scheduler(),
            *(self._end_group(group) for group in self.groups.values()),
        )
        failed = [failure for failure in failures if failure]
        if failed:
            self._become("stopping", " ".join(failed))
            raise SiteUnreachable(
                f"{self.name} is not wholly stopped. {' '.join(failed)} It is tried again until "
                "the site answers; the jobs end by themselves when their lease runs out."
            )
        await self._clear()

    async def _stop_in_background(self) -> None:
        """After a broker's end in the middle of a stop: go on until it is done."""
        while True:
            try:
                await self.stop()
                return
            except SiteError:
                await asyncio.sleep(30)

    async def _end_group(self, group: Group) -> str:
        try:
            async with asyncio.timeout(END_SECONDS):
                await group.end_all()
        except SiteError as error:
            return str(error)
        except TimeoutError:
            return f"{group.plan.site} still shows jobs after {END_SECONDS} s."
        return ""

    async def _end_scheduler(self) -> None:
        if self._scheduler_process is not None:
            await processes.stop(self._scheduler_process)

    async def _hush(self) -> None:
        """Nothing is decided any more."""
        watch = self._watch
        if watch is not None and watch is not asyncio.current_task():
            watch.cancel()
        await asyncio.gather(*(group.close() for group in self.groups.values()))

    async def _clear(self) -> None:
        await self._links.close()
        self._hub.order("exit")
        if self._hub_process is not None:
            await processes.stop(self._hub_process)
        await self._hub.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._store.remove()
        self._become("stopped", "")

    async def leave(self) -> None:
        """The broker ends: the cluster goes on without it."""
        await self._hush()
        for task in self._joins:
            task.cancel()
        await self._links.close()
        await self._hub.close()

    def _become(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        self.changed()


def _process(stored: dict[str, Any] | None) -> ProcessId | None:
    return ProcessId(**stored) if stored else None
