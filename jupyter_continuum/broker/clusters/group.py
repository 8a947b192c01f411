"""One group's reconciler: a task of its own, so that one slow site holds up nobody else."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any

from jupyter_continuum.broker.clusters.job import JobEntry
from jupyter_continuum.broker.clusters.owner import Owner
from jupyter_continuum.broker.clusters.submits import Submits
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import ContinuumError, SiteUnreachable
from jupyter_continuum.planning.ceilings import allowed
from jupyter_continuum.planning.reconcile import Decision, JobRecord, Phase, decide
from jupyter_continuum.planning.resolve import ResolvedGroup

DRAIN_SECONDS = 30
"""How long workers may take to hand their data over before their job is ended."""
END_AGAIN_SECONDS = DRAIN_SECONDS + 15
"""A job that we ended and that lives on is ended again."""
LATE_SECONDS = 30
"""After so long without a sign, a submit that nobody answered has not reached the queue."""
GONE_SECONDS = 30
"""A job the site no longer lists for so long has ended."""
KEPT_JOBS = 20
"""Jobs that are over and still remembered, for the reason they ended."""


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
        self._submits = Submits(self)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._side: set[asyncio.Task[None]] = set()
        self._tidied: set[str] = set()
        self._end_asked: dict[str, float] = {}
        """When a job that is to end was last asked to."""

    @classmethod
    def from_disk(cls, owner: Owner, stored: dict[str, Any]) -> Group:
        group = cls(owner, ResolvedGroup(**stored["plan"]), stored["wanted"])
        group.next_number = stored["next_number"]
        group.jobs = [JobEntry.from_disk(job) for job in stored["jobs"]]
        return group

    def to_disk(self) -> dict[str, Any]:
        return {
            "plan": asdict(self.plan),
            "wanted": self.wanted,
            "next_number": self.next_number,
            "jobs": [job.to_disk() for job in self.jobs],
        }

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
        self._submits.start_anew()
        self.wake()

    def refuse(self, reason: str) -> None:
        """Submit nothing more before the person scales: it would be turned away again."""
        self._submits.refuse(reason)
        self.wake()

    async def close(self, *, finish_seconds: float = 0) -> None:
        """Stop deciding. Jobs go on; for so long, submits under way are waited for."""
        tasks = [task for task in (self._task, *self._side) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._submits.close(finish_seconds)

    # The loop ----------------------------------------------------------------------------

    async def _run(self) -> None:
        faults = 0
        while True:
            self._wake.clear()
            try:
                wait = self._step()
            except Exception as error:  # the top of this loop: a fault must not end it
                faults += 1
                pause = min(300.0, 2.5 * 2 ** min(faults, 7)) * random.uniform(0.8, 1.2)
                if not isinstance(error, ContinuumError):
                    traceback.print_exc()
                self._say(f"{one_line(error)} Trying again in {pause:.0f} s.", failed=False)
                await asyncio.sleep(pause)
                continue
            faults = 0
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _step(self) -> float | None:
        """Look, decide, act; after how many seconds to do so again though nothing happens."""
        session = self.owner.session(self.plan.site)
        if session is None:
            self._say(f"{self.plan.site} is no longer connected. Connect it again.", failed=False)
            return None
        self._observe(session)
        ceiling = self.owner.ceiling(self.plan.site)
        living = sum(not job.cancelled_here for job in self.live)
        wanted = allowed(ceiling.level, self.wanted, living)
        decision = decide(wanted, self._records(), time.time(), self._submits.backoff)
        reason = decision.reason or self._why_waiting(session)
        self._say(f"{ceiling.said} {reason}".strip(), failed=decision.failed)
        self._mark(decision)
        if session.ready:
            self._end_marked(session)
            self._submits.submit(decision.submit, session)
        waits = [decision.next_look_seconds, ceiling.next_seconds]
        if session.ready:
            waits += [self._submits.due_in(job) for job in self.live]
        return min((wait for wait in waits if wait is not None), default=None)

    def _records(self) -> list[JobRecord]:
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
        status, now = session.status, time.time()
        seen = {job.name: job for job in status.jobs} if status else {}
        changed = False
        for job in self.live:
            found = seen.get(job.name)
            if found is not None:
                if job.submitted_at is None:
                    self._submits.accepted(job, session)
                changed |= job.observe(found, now)
            elif status and self._is_missing(job, status.observed.timestamp()):
                changed |= self._gone(job, now)
            if self.owner.ready_workers(job):
                job.worked = True
            if not job.over:
                for agent in job.agents:
                    self.owner.link(session, job, agent)
        for job in self.jobs:
            if job.over and session.ready and job.name not in self._tidied:
                self._tidied.add(job.name)
                self._aside(self._tidy(job, session))
        self._forget_old(session)
        if changed:
            self.owner.save_later()
            self.owner.changed()

    def _is_missing(self, job: JobEntry, observed: float) -> bool:
        """A look that should have shown the job did not."""
        if job.submitted_at is None:
            asked = self._end_asked.get(job.name)
            return job.cancelled_here and asked is not None and observed > asked + LATE_SECONDS
        return observed > job.submitted_at + 5

    def _gone(self, job: JobEntry, now: float) -> bool:
        """The site does not list it: over once that lasts, and once no worker answers."""
        if job.gone_at is None:
            job.gone_at = now
        if now - job.gone_at < GONE_SECONDS or self.owner.ready_workers(job):
            return False
        job.phase = Phase.ENDED
        job.end(now)
        job.reason = "the site no longer knows it"
        return True

    async def _tidy(self, job: JobEntry, session: Session) -> None:
        """A job is over: close its links, keep the last words of one that failed."""
        await self.owner.unlink(self.plan.site, job)
        if not job.ended_by_itself:
            return  # what it was about when it was killed has nothing to do with that
        try:
            if job.phase is Phase.CANCELLED or (job.phase is Phase.ENDED and job.worked):
                await session.attempt(lambda: session.launcher.forget([job.name]))
                return
            log = await session.attempt(lambda: session.launcher.log(job.name))
        except SiteUnreachable:
            self._tidied.discard(job.name)  # again, once the site is back
            raise
        words = [line for line in map(one_line, log.splitlines()) if line]
        if words:
            job.reason = f"{job.reason}: {words[-1]}" if job.reason else words[-1]
            self.owner.save_later()
            self.owner.changed()

    def _forget_old(self, session: Session) -> None:
        """Jobs that are long over: here, and what they left at the site."""
        old = [job for job in self.jobs if job.over and job.name in self._tidied][:-KEPT_JOBS]
        if not old or not session.ready:
            return
        for job in old:
            self.owner.remember(self.plan, job)
        names = [job.name for job in old]
        self.jobs[:] = [job for job in self.jobs if job.name not in names]
        self._tidied -= {*names}
        for name in names:
            self._end_asked.pop(name, None)
        self._aside(session.attempt(lambda: session.launcher.forget(names)))

    # Ending ------------------------------------------------------------------------------

    def _mark(self, decision: Decision) -> None:
        marked = [job for job in self.jobs if job.name in decision.cancel]
        for job in marked:
            job.cancelled_here = True
            if job.phase is Phase.PLANNED and job not in self._submits:
                self.jobs.remove(job)  # nobody was told of it
        if marked:
            self.owner.save_later()

    def _end_marked(self, session: Session) -> None:
        """End what is to end, and again what lives on: an answer may have been lost."""
        now = time.time()
        for job in self.live:
            last = self._end_asked.get(job.name)
            if not job.cancelled_here or job in self._submits:
                continue
            # A job that was never seen there is asked to end once, and again when it shows up.
            if last is None or (job.submitted_at and now - last > END_AGAIN_SECONDS):
                self._end_asked[job.name] = now
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
        async def told() -> None:
            try:
                await work
            except ContinuumError as error:
                self._say(one_line(error), failed=self.failed)

        task = asyncio.get_running_loop().create_task(told())
        self._side.add(task)
        task.add_done_callback(self._side.discard)
