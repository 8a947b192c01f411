"""One cluster as the broker holds it: authority, hub, scheduler, groups, and their end."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_continuum.broker import processes
from jupyter_continuum.broker.admission import Admission
from jupyter_continuum.broker.connection_file import remove_connection_file, write_connection_file
from jupyter_continuum.broker.ending import end_group
from jupyter_continuum.broker.group import Group
from jupyter_continuum.broker.hub_control import HubControl, News
from jupyter_continuum.broker.job import AgentEntry, JobEntry
from jupyter_continuum.broker.joining import SCHEDULER
from jupyter_continuum.broker.links import Links
from jupyter_continuum.broker.processes import ProcessId
from jupyter_continuum.broker.reports import WorkerReport, read_tasks, read_workers
from jupyter_continuum.broker.session import Session
from jupyter_continuum.broker.store import Store
from jupyter_continuum.broker.words import many_lines
from jupyter_continuum.cluster.authority import Authority
from jupyter_continuum.cluster.wide_link import wide_link
from jupyter_continuum.errors import (
    BrokerError,
    ContinuumError,
    SiteError,
    SiteUnreachable,
    Unknown,
)
from jupyter_continuum.paths import private_dir, socket_dir, write_private

LEAF_LIFE = timedelta(days=31)
"""Of scheduler and clients: a notebook that stays open over a weekend must not be locked out."""
HANG_UP_SECONDS = 3
"""How long agents that were told to end may take before their jobs are cancelled."""
STOP_AGAIN_SECONDS = 30
SAVE_SECONDS = 0.5
"""Changes are gathered for so long before they are written."""


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
        """Nothing runs before ``start`` or ``resume``; ``records`` makes one."""
        self.name = name
        self.id = cluster_id
        self.lease_seconds = lease_seconds
        self.started = started
        self.state = "starting"
        self.reason = "The scheduler starts."
        self.folder = private_dir(socket_dir() / cluster_id)
        """Sockets, and what hub and scheduler read."""
        self.groups: dict[str, Group] = {}
        self.workers: dict[str, WorkerReport] = {}
        """The scheduler's last report, by worker name."""
        self.tasks: dict[str, int] = {}
        self.link_bytes: list[tuple[str, str, int]] = []
        self.dashboard_port: int | None = None
        self.hub_process: ProcessId | None = None
        self.scheduler_process: ProcessId | None = None
        self._authority = authority
        self._find_session = find_session
        self._on_change = on_change
        self._store = Store(name)
        self._retiring: set[str] = set()
        self._hub = HubControl(self.folder / "hub.ctl", self._heard, self._hub_lives)
        self._links = Links(self.folder, self._hub, self.changed)
        self._admission = Admission(self._hub, authority, self._agent)
        self._settled = asyncio.Event()
        """The scheduler runs, or never will."""
        self._start: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._again: asyncio.Task[None] | None = None
        self._saving: asyncio.TimerHandle | None = None

    def save(self) -> None:
        """Write what a restarted broker must know. BrokerError when the disk is full."""
        from jupyter_continuum.broker.records import to_disk

        self._store.save(to_disk(self))

    def save_later(self) -> None:
        """The same, soon, and again until the disk takes it."""
        if self._saving is None and self.state != "stopped":
            loop = asyncio.get_running_loop()
            self._saving = loop.call_later(SAVE_SECONDS, self._save_now)

    def _save_now(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        try:
            self.save()
        except BrokerError as error:
            print(error, flush=True)
            loop = asyncio.get_running_loop()
            self._saving = loop.call_later(20 * SAVE_SECONDS, self._save_now)

    # Starting ------------------------------------------------------------------------

    async def start(self) -> None:
        """Start hub and scheduler while the sites are asked already. Raises ContinuumError."""
        for group in self.groups.values():
            group.start()
        await self._bring_up()

    async def resume(self) -> None:
        """Go on with a cluster that an earlier broker left."""
        if self.state == "stopping":
            self._again = asyncio.create_task(self._stop_until_done())
            return
        for group in self.groups.values():
            group.start()
        if self.state == "starting":
            # That broker died in the middle of the launch; nobody has joined yet.
            self._start = asyncio.create_task(self._start_anew())
        elif self._scheduler_lives() and self._hub_lives():
            self._hub.start()
            self._running()
        else:
            self._lost("scheduler and hub have")

    async def _start_anew(self) -> None:
        for process in (self.hub_process, self.scheduler_process):
            if process is not None:
                await processes.stop(process)
        try:
            await self._bring_up()
        except ContinuumError:
            return  # the cluster's state and reason say it

    async def _bring_up(self) -> None:
        """One task, so that a stop in the middle of it leaves no process behind."""
        task = self._start = asyncio.create_task(self._start_processes(), name=f"start {self.name}")
        await asyncio.wait([task])
        if task.cancelled():
            raise BrokerError(f"{self.name} was stopped while it started.")
        task.result()

    async def _start_processes(self) -> None:
        try:
            broker = socket_dir() / "broker.sock"
            config = {"name": self.name, "cluster_id": self.id, "broker": str(broker)}
            write_private(self.folder / "cluster.json", json.dumps(config).encode())
            await processes.start_hub(self.folder, self._hub_born)
            self._hub.start()
            ready = await processes.start_scheduler(
                self.folder,
                lambda csr: self._sign(csr, f"{self.name}.scheduler"),
                self._scheduler_born,
            )
            write_connection_file(
                self.name,
                hub=self.folder / "hub.sock",
                broker=broker,
                authority=self._authority.certificate,
                started=self.started,
            )
        except (ContinuumError, OSError) as error:
            said = str(error)
            if isinstance(error, OSError):
                said = f"{self.name} could not be started on this machine: {error}."
            self._settled.set()
            self._become("failed", said)
            for group in self.groups.values():
                group.scale(0)
            raise BrokerError(said) from error
        self.dashboard_port = ready["dashboard_port"]
        self._running()

    def _hub_born(self, process: ProcessId) -> None:
        self.hub_process = process
        self.save()

    def _scheduler_born(self, process: ProcessId) -> None:
        self.scheduler_process = process
        self.save()

    def _running(self) -> None:
        self._become("running", "")
        self._settled.set()
        self._admission.open.set()
        self._watch = asyncio.create_task(self._watch_processes(), name=f"watch {self.name}")
        self.save_later()

    async def _watch_processes(self) -> None:
        """Say it when hub or scheduler die: results are gone then."""
        while self._scheduler_lives() and self._hub_lives():
            await asyncio.sleep(1)
        self._lost("hub has" if self._scheduler_lives() else "scheduler has")

    def _lost(self, what: str) -> None:
        self._settled.set()
        self._become(
            "failed", f"Its {what} ended, and with it all results. Stop it and launch again."
        )
        self.workers.clear()
        for group in self.groups.values():
            group.scale(0)
        self.save_later()

    def _sign(self, csr: str, name: str) -> dict[str, str]:
        leaf = self._authority.sign(csr, name=name, life=LEAF_LIFE, now=datetime.now(UTC))
        return {"certificate": leaf.decode(), "ca": self._authority.certificate.decode()}

    def _hub_lives(self) -> bool:
        return self.hub_process is not None and self.hub_process.alive

    def _scheduler_lives(self) -> bool:
        return self.scheduler_process is not None and self.scheduler_process.alive

    # What groups ask -----------------------------------------------------------------

    def session(self, site: str) -> Session | None:
        return self._find_session(site)

    def changed(self) -> None:
        self._on_change(self)

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

    # What hub and scheduler say --------------------------------------------------------

    def _heard(self, news: News) -> None:
        match news.get("on"):
            case "up" | "down" as kind:
                self._links.news(news["agent"], kind == "up")
            case "join":
                self._admission.ask(news["agent"], news["request"])
            case "stats":
                self._links.agree(set(news["up"]))
                before = self.link_bytes
                self.link_bytes = [(source, to, n) for source, to, n in news["links"]]
                if before != self.link_bytes:
                    self.changed()

    def report(self, workers: Any, tasks: Any) -> dict[str, Any]:  # Any: whatever JSON held
        """The scheduler tells how it is; the answer names workers to retire."""
        before = set(self.workers)
        self.workers = read_workers(workers)
        self.tasks = read_tasks(tasks)
        self._retiring &= set(self.workers)
        if before != set(self.workers):
            for group in self.groups.values():
                group.wake()
        self.changed()
        return {"retire": sorted(self._retiring)}

    # What faces ask --------------------------------------------------------------------

    async def attach(self, csr: str) -> dict[str, Any]:
        """Let a client in: a leaf for its key, and how to reach the scheduler."""
        if self.state in ("starting", "running"):
            await self._settled.wait()
        if self.state != "running":
            raise Unknown(f"{self.name} is {self.state}. {self.reason}")
        config = wide_link()
        # Dask would make a link of the relay's host name, which no browser can open.
        link = f"http://127.0.0.1:{self.dashboard_port}/status"
        config["distributed"]["dashboard"] = {"link": link}
        return {
            "address": SCHEDULER,
            "hub": str(self.folder / "hub.sock"),
            "site": "home",
            "config": config,
            **self._sign(csr, f"{self.name}.client-{secrets.token_hex(4)}"),
        }

    def group(self, name: str) -> Group:
        found = self.groups.get(name)
        if found is None:
            raise Unknown(f"{self.name} has no group {name!r}. It has {', '.join(self.groups)}.")
        return found

    def scale(self, group: str, jobs: int) -> None:
        if self.state not in ("starting", "running"):
            raise Unknown(f"{self.name} is {self.state} and cannot be scaled. {self.reason}")
        self.group(group).scale(jobs)
        self.save_later()
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
                return many_lines(await session.attempt(lambda: session.launcher.log(job.name)))
        except (SiteError, TimeoutError) as error:
            return f"The log cannot be read: {error or 'no answer within 20 s'}."

    # Ending ------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End everything everywhere. SiteError names a site where that is not certain.

        Then it is tried again, until it is. Whoever asks meanwhile waits for the same try.
        """
        if self._stopping is None or self._stopping.done():
            self._stopping = asyncio.create_task(self._stop_once(), name=f"stop {self.name}")
        try:
            await asyncio.shield(self._stopping)
        except SiteError:
            if self._again is None:
                self._again = asyncio.create_task(self._stop_until_done())
            raise

    async def _stop_until_done(self) -> None:
        while self.state != "stopped":
            try:
                await self.stop()
            except SiteError:
                await asyncio.sleep(STOP_AGAIN_SECONDS)

    async def _stop_once(self) -> None:
        if self.state == "stopped":
            return
        self._become("stopping", "Jobs are being ended.")
        self._save_now()
        await self._cancel_own(self._start, self._watch)
        self._settled.set()
        await self._admission.close()
        for group in self.groups.values():
            for job in group.jobs:
                self.end_agents(group.plan.site, job)
        await self._links.rest(HANG_UP_SECONDS)
        _, *said = await asyncio.gather(
            self._end_scheduler(), *(end_group(group) for group in self.groups.values())
        )
        failures = " ".join(each for each in said if each)
        if failures:
            self._become("stopping", failures)
            raise SiteUnreachable(
                f"{self.name} is not wholly stopped. {failures} It is tried again until "
                "the site answers; the jobs end by themselves when their lease runs out."
            )
        await self._clear()

    async def _end_scheduler(self) -> None:
        if self.scheduler_process is not None:
            await processes.stop(self.scheduler_process)

    async def _clear(self) -> None:
        await self._links.close()
        self._hub.order("exit")
        if self.hub_process is not None:
            await processes.stop(self.hub_process)
        await self._hub.close()
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        remove_connection_file(self.name)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._store.remove()
        self._become("stopped", "")

    async def leave(self) -> None:
        """The broker ends: the cluster goes on without it."""
        await self._cancel_own(self._again, self._stopping, self._start, self._watch)
        await asyncio.gather(*(group.close() for group in self.groups.values()))
        await self._admission.close()
        if self._saving is not None:
            self._save_now()
        if self._saving is not None:
            self._saving.cancel()
        await self._links.close()
        await self._hub.close()

    async def _cancel_own(self, *tasks: asyncio.Task[None] | None) -> None:
        living = [task for task in tasks if task is not None and not task.done()]
        for task in living:
            task.cancel()
        if living:
            await asyncio.wait(living)

    def _become(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        self.changed()
