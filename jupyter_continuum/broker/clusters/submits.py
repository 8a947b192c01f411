"""The submits of one group: each job once, however often its site has to be asked."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from dataclasses import replace
from functools import partial
from typing import Protocol

from jupyter_continuum.broker.clusters.job import JobEntry, request
from jupyter_continuum.broker.clusters.owner import Owner
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import ContinuumError, SiteError, SubmitRefused
from jupyter_continuum.planning.reconcile import BackOff, Phase
from jupyter_continuum.planning.resolve import ResolvedGroup

AT_ONCE = 4
AGENT_SECONDS = 120
"""An agent that did not announce itself for so long is no longer looked for every moment."""


class Submitter(Protocol):
    """What submits need of their group."""

    owner: Owner
    plan: ResolvedGroup
    jobs: list[JobEntry]
    next_number: int

    @property
    def live(self) -> list[JobEntry]: ...
    def wake(self) -> None: ...


class Submits:
    """Tasks that submit, and what went wrong with them."""

    def __init__(self, group: Submitter) -> None:
        self._group = group
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """By job."""
        self._closed = False
        self.backoff = BackOff(since=time.time())

    def __contains__(self, job: JobEntry) -> bool:
        """True while its submit is under way, or waits for a slot."""
        return job.name in self._tasks

    def start_anew(self) -> None:
        """The person asks again: earlier refusals are forgotten."""
        self.backoff = BackOff(since=time.time())

    def refuse(self, reason: str) -> None:
        self.backoff = replace(self.backoff, refused=reason)

    def submit(self, number: int, session: Session) -> None:
        """Send new jobs, and again those whose submit nobody answered."""
        group = self._group
        kept = len(group.jobs)
        for _ in range(number):
            group.jobs.append(JobEntry.plan(group.owner.name, group.plan, group.next_number))
            group.next_number += 1
        if number:
            try:
                group.owner.save()  # before the site is told: a restart must know the names
            except ContinuumError:
                del group.jobs[kept:]
                raise
        for job in group.live:
            if self.due_in(job) == 0:
                task = asyncio.get_running_loop().create_task(self._send(job, session))
                self._tasks[job.name] = task
                task.add_done_callback(partial(self._sent, job))

    def due_in(self, job: JobEntry) -> float | None:
        """Seconds until its (next) submit; None when it needs none."""
        unsent = job.phase in (Phase.PLANNED, Phase.SUBMITTING) and job.submitted_at is None
        if not unsent or job.cancelled_here or job in self:
            return None
        if not self.backoff.misses:
            return 0
        pause = min(60.0, 2.0**self.backoff.misses)
        return max(0.0, self.backoff.missed_at + pause - time.time())

    def accepted(self, job: JobEntry, session: Session) -> None:
        """The site knows the job: look for its agents."""
        job.submitted_at = time.time()
        session.expect(job.name, lambda: self._awaits_agent(job))

    async def close(self, finish_seconds: float) -> None:
        """Send nothing more; what is under way may take so long."""
        self._closed = True
        if finish_seconds and self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=finish_seconds)
        left = [*self._tasks.values()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def _send(self, job: JobEntry, session: Session) -> None:
        async with self._slots:
            unwanted = self._closed or self.backoff.refused or job.cancelled_here
            if job.phase is Phase.PLANNED and unwanted:
                self._group.jobs.remove(job)
            elif not self._closed:
                job.phase = Phase.SUBMITTING
                await self._ask_site(job, session)

    def _sent(self, job: JobEntry, task: asyncio.Task[None]) -> None:
        del self._tasks[job.name]
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error)
            self._missed(job, f"{self._group.plan.site}: {type(error).__name__}: {error}")
        self._group.owner.save_later()
        self._group.owner.changed()
        self._group.wake()

    async def _ask_site(self, job: JobEntry, session: Session) -> None:
        owner = self._group.owner
        asked = request(
            job,
            self._group.plan,
            cluster=owner.name,
            cluster_id=owner.id,
            lease_seconds=owner.lease_seconds,
            direct="tcp" if session.profile.kind in ("slurm", "kubernetes") else "unix",
            outbound=session.dial_out(),
        )
        job.seen_at = job.seen_at or time.time()
        try:
            found = await session.attempt(lambda: session.launcher.submit(asked))
        except SubmitRefused as error:
            self._group.jobs.remove(job)
            self.refuse(str(error))
        except SiteError as error:
            self._missed(job, str(error))
        else:
            self.backoff = replace(self.backoff, misses=0)
            self.accepted(job, session)
            job.observe(found, time.time())

    def _missed(self, job: JobEntry, why: str) -> None:
        job.reason = one_line(why)
        self.backoff = replace(
            self.backoff,
            misses=self.backoff.misses + 1,
            missed_at=time.time(),
            jitter=random.uniform(0.8, 1.2),
        )

    def _awaits_agent(self, job: JobEntry) -> bool:
        """An agent of it may announce itself any moment."""
        # An agent may be seen before the queue has been looked at again.
        seen = job.phase is Phase.RUNNING and all(agent.announced for agent in job.agents)
        if self._closed or job.over or seen:
            return False
        if job.phase is Phase.RUNNING:
            return time.time() - (job.started_at or 0) < AGENT_SECONDS
        return time.time() - (job.submitted_at or 0) < AGENT_SECONDS / 2
