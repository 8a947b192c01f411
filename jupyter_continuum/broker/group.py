"""One group's reconciler: a task of its own, so that one slow site holds up nobody else."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Protocol

from jupyter_continuum.broker.job import AgentEntry, JobEntry, request
from jupyter_continuum.broker.session import Session
from jupyter_continuum.errors import ContinuumError, SiteError, SubmitRefused
from jupyter_continuum.planning.reconcile import BackOff, Decision, Phase, decide
from jupyter_continuum.planning.resolve import ResolvedGroup
from jupyter_continuum.sites.protocols import JobState

SUBMITS_AT_ONCE = 4
DRAIN_SECONDS = 30
"""How long workers may take to hand their data over before their job is ended."""
GONE_SECONDS = 30
"""A job the site no longer lists for so long has ended."""
KEPT_JOBS = 20
"""Jobs that are over and still remembered, for the reason they ended."""


class Owner(Protocol):
    """What a group needs of its cluster."""

    name: str
    id: str
    lease_seconds: int

    def session(self, site: str) -> Session | None: ...
    def changed(self) -> None: ...
    def save(self) -> None: ...
    def ready_workers(self, job: JobEntry) -> list[str]: ...
    def retire(self, workers: list[str]) -> None: ...
    def end_agents(self, site: str, job: JobEntry) -> None: ...
    def link(self, session: Session, job: JobEntry, agent: AgentEntry) -> None: ...
    async def unlink(self, site: str, job: JobEntry) -> None: ...


class Group:
    """The jobs of one offer, kept at the number that is wanted."""

    def __init__(self, owner: Owner, plan: ResolvedGroup, wanted: int) -> None:
        self.owner = owner
        self.plan = plan
        self.wanted = wanted
        self.jobs: list[JobEntry] = []
        self.next_number = 0
        self.reason = ""
        self.failed = False
        self._backoff = BackOff(since=time.time())
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._side: set[asyncio.Task[None]] = set()
        self._in_flight: set[str] = set()
        self._ended_tidily: set[str] = set()

    @property
    def live(self) -> list[JobEntry]:
        return [job for job in self.jobs if not job.over]

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self.plan.name)

    def wake(self) -> None:
        """Something happened: decide again."""
        self._wake.set()

    def scale(self, jobs: int) -> None:
        """Want so many jobs from now on; earlier refusals are forgotten."""
        self.wanted = jobs
        self._backoff = BackOff(since=time.time())
        self.wake()

    async def close(self) -> None:
        """Stop deciding. Jobs go on."""
        tasks = [task for task in (self._task, *self._side) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # The loop ----------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            wait = await self._step()
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _step(self) -> float | None:
        session = self.owner.session(self.plan.site)
        if session is None:
            self._say(f"{self.plan.site} is no longer connected. Connect it again.", failed=False)
            return None
        self._observe(session)
        decision = decide(self.wanted, self._records(), time.time(), self._backoff)
        self._say(decision.reason or self._why_waiting(session), failed=decision.failed)
        self._cancel(decision, session)
        retry = [job for job in self.jobs if self._is_stuck(job)]
        if not session.ready:
            return decision.next_look_seconds
        if decision.submit or retry:
            await self._submit(decision.submit, retry, session)
        return decision.next_look_seconds

    def _records(self) -> list[Any]:
        return [job.record(len(self.owner.ready_workers(job))) for job in self.jobs]

    def _say(self, reason: str, *, failed: bool) -> None:
        if (reason, failed) != (self.reason, self.failed):
            self.reason, self.failed = reason, failed
            self.owner.changed()

    def _why_waiting(self, session: Session) -> str:
        if not session.ready:
            return session.reason
        return next((job.reason for job in self.live if job.phase is Phase.SUBMITTING), "")

    # Looking -----------------------------------------------------------------------------

    def _observe(self, session: Session) -> None:
        status = session.status
        now = time.time()
        seen = {job.name: job for job in status.jobs} if status else {}
        changed = False
        for job in self.live:
            found = seen.get(job.name)
            if found is not None:
                changed |= job.observe(found, now)
            elif status and job.submitted_at and status.observed.timestamp() > job.submitted_at + 5:
                changed |= self._gone(job, now)
            if len(self.owner.ready_workers(job)):
                job.worked = True
            if not job.over:
                for agent in job.agents:
                    self.owner.link(session, job, agent)
        for job in self.jobs:
            if job.over and job.name not in self._ended_tidily:
                self._ended_tidily.add(job.name)
                self._aside(self._tidy(job, session))
        over = [job for job in self.jobs if job.over]
        for job in over[:-KEPT_JOBS]:
            self.jobs.remove(job)
        if changed:
            self.owner.save()
            self.owner.changed()

    def _gone(self, job: JobEntry, now: float) -> bool:
        """The site does not list it: over once that lasts, and once no worker answers."""
        if job.gone_at is None:
            job.gone_at = now
        if now - job.gone_at < GONE_SECONDS or self.owner.ready_workers(job):
            return False
        job.phase, job.ended_at = Phase.ENDED, now
        job.reason = "the site no longer knows it"
        return True

    async def _tidy(self, job: JobEntry, session: Session) -> None:
        """A job is over: close its links, keep the last words of one that failed."""
        await self.owner.unlink(self.plan.site, job)
        if job.phase is Phase.CANCELLED or (job.phase is Phase.ENDED and job.worked):
            await session.attempt(lambda: session.launcher.forget([job.name]))
            return
        log = await session.attempt(lambda: session.launcher.log(job.name))
        words = [line.strip() for line in log.splitlines() if line.strip()]
        if words:
            job.reason = f"{job.reason}: {words[-1][:300]}" if job.reason else words[-1][:300]
            self.owner.save()
            self.owner.changed()

    # Acting ------------------------------------------------------------------------------

    async def _submit(self, number: int, retry: list[JobEntry], session: Session) -> None:
        for _ in range(number):
            self.jobs.append(JobEntry.plan(self.owner.name, self.plan, self.next_number))
            retry.append(self.jobs[-1])
            self.next_number += 1
        self.owner.save()
        slots = asyncio.Semaphore(SUBMITS_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for job in retry:
                tasks.create_task(self._submit_one(job, session, slots))
        self.wake()

    async def _submit_one(self, job: JobEntry, session: Session, slots: asyncio.Semaphore) -> None:
        async with slots:
            if self._backoff.refused or job.cancelled_here:
                self.jobs.remove(job)
                return
            job.phase = Phase.SUBMITTING
            self._in_flight.add(job.name)
            try:
                await self._ask_site(job, session)
            finally:
                self._in_flight.discard(job.name)
        self.owner.save()
        self.owner.changed()

    async def _ask_site(self, job: JobEntry, session: Session) -> None:
        direct = "tcp" if session.profile.kind == "slurm" else "unix"
        asked = request(
            job,
            self.plan,
            cluster=self.owner.name,
            cluster_id=self.owner.id,
            lease_seconds=self.owner.lease_seconds,
            direct=direct,
        )
        try:
            found = await session.attempt(lambda: session.launcher.submit(asked))
        except SubmitRefused as error:
            self.jobs.remove(job)
            self._backoff = replace(self._backoff, refused=str(error))
        except SiteError as error:
            job.reason = str(error)
            self._backoff = replace(
                self._backoff,
                misses=self._backoff.misses + 1,
                missed_at=time.time(),
                jitter=random.uniform(0.8, 1.2),
            )
            delay = min(60.0, 2.0**self._backoff.misses)
            asyncio.get_running_loop().call_later(delay, self.wake)
        else:
            self._backoff = replace(self._backoff, misses=0)
            job.submitted_at = job.submitted_at or time.time()
            job.observe(found, time.time())
            session.expect(job.name, lambda: self._awaits_agent(job))

    def _is_stuck(self, job: JobEntry) -> bool:
        """Planned or sent, without an answer, and it is time to send it again."""
        if job.phase not in (Phase.PLANNED, Phase.SUBMITTING) or job.name in self._in_flight:
            return False
        due = self._backoff.missed_at + min(60.0, 2.0**self._backoff.misses) - 0.5
        return not self._backoff.misses or time.time() >= due

    def _awaits_agent(self, job: JobEntry) -> bool:
        """An agent of it may announce itself any moment."""
        if job.over or all(agent.announced for agent in job.agents):
            return False
        return job.phase is Phase.RUNNING or time.time() - (job.submitted_at or 0) < 60

    def _cancel(self, decision: Decision, session: Session) -> None:
        for job in self.jobs:
            if job.name in decision.cancel and not job.cancelled_here:
                job.cancelled_here = True
                self._aside(self._end(job, session))

    async def _end(self, job: JobEntry, session: Session) -> None:
        """Let workers hand over what they hold, then end the job."""
        workers = self.owner.ready_workers(job)
        if workers:
            self.owner.retire(workers)
            deadline = time.monotonic() + DRAIN_SECONDS
            while self.owner.ready_workers(job) and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
            self.owner.end_agents(self.plan.site, job)
        await session.attempt(lambda: session.launcher.cancel([job.name]))
        session.hurry()

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        async def quietly() -> None:
            try:
                await work
            except ContinuumError as error:
                self._say(str(error), failed=self.failed)

        task = asyncio.get_running_loop().create_task(quietly())
        self._side.add(task)
        task.add_done_callback(self._side.discard)

    # Stopping ----------------------------------------------------------------------------

    async def end_all(self) -> None:
        """End every job and see that the site has none of them left. Raises SiteError."""
        names = [job.name for job in self.jobs if not job.over or job.submitted_at]
        session = self.owner.session(self.plan.site)
        if not names:
            return
        if session is None:
            raise SiteError(
                f"{self.plan.site} is not connected, so its jobs could not be ended. They end by "
                f"themselves when their lease runs out; `jupyter continuum audit` shows them."
            )
        asked_at = float("-inf")
        while True:
            if time.monotonic() - asked_at > 10:
                await session.attempt(lambda: session.launcher.cancel(names))
                asked_at = time.monotonic()
            status = await session.look()
            left = [
                job.name
                for job in status.jobs
                if job.name in names and job.state in (JobState.QUEUED, JobState.RUNNING)
            ]
            if not left:
                break
            await asyncio.sleep(0.3)
        await session.attempt(lambda: session.launcher.forget(names))
