"""The end of a cluster: nothing of it is left at any site, and that is certain or said."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.home import Home
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.errors import ContinuumError, SiteError, SiteUnreachable
from jupyter_continuum.planning.reconcile import Phase
from jupyter_continuum.sites.protocols import JobState, SiteStatus

END_SECONDS = 90
"""How long ``stop`` waits for a site to say that nothing is left."""
FINISH_SECONDS = 20
"""How long a submit that is under way may take: a job that nobody knows would be an orphan."""
CANCEL_AGAIN_SECONDS = 10
AGAIN_SECONDS = 30
"""After so long, a stop that was not certain is tried again."""
LATE_SECONDS = 4
"""A submit that nobody answered may still reach the queue: look again after so long."""


class Endable(Protocol):
    """What an end needs of its cluster."""

    name: str
    state: str
    groups: dict[str, Group]
    home: Home

    async def hush(self, why: str) -> None: ...
    def become(self, state: str, reason: str) -> None: ...
    async def clear(self) -> None: ...


class Ending:
    """One try at a time, however many ask; after a failed one it goes on by itself."""

    def __init__(self, cluster: Endable) -> None:
        self._cluster = cluster
        self._try: asyncio.Task[None] | None = None
        self._again: asyncio.Task[None] | None = None

    async def stop(self, why: str = "") -> None:
        """Try now; ``why``, where it is not the person who asks.

        SiteError names a site where it is not certain that nothing is left.
        """
        if self._try is None or self._try.done():
            self._try = asyncio.create_task(self._once(why), name=f"stop {self._cluster.name}")
        try:
            await asyncio.shield(self._try)
        except SiteError:
            self.go_on()
            raise

    def go_on(self) -> None:
        """Try until it is done, in the background."""
        if self._again is None:
            self._again = asyncio.create_task(self._until_done())

    async def close(self) -> None:
        await cancel(self._again, self._try)

    async def _until_done(self) -> None:
        while self._cluster.state != "stopped":
            try:
                await self.stop()
            except Exception as error:  # the top of this loop: a fault must not end it
                if not isinstance(error, SiteError):
                    traceback.print_exc()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _once(self, why: str) -> None:
        cluster = self._cluster
        if cluster.state == "stopped":
            return
        await cluster.hush(why)
        _, *said = await asyncio.gather(
            cluster.home.end_scheduler(), *(end_group(group) for group in cluster.groups.values())
        )
        failures = " ".join(each for each in said if each)
        if failures:
            cluster.become("stopping", failures)
            raise SiteUnreachable(
                f"{cluster.name} is not wholly stopped. {failures} It is tried again until "
                "the site answers; the jobs end by themselves when their lease runs out."
            )
        await cluster.clear()


async def cancel(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel these and wait until they have ended."""
    living = [task for task in tasks if task is not None and not task.done()]
    for task in living:
        task.cancel()
    if living:
        await asyncio.wait(living)


async def end_group(group: Group) -> str:
    """End all jobs of ``group``; a sentence when that is not certain."""
    try:
        async with asyncio.timeout(END_SECONDS):
            await group.close(finish_seconds=FINISH_SECONDS)
            await end_jobs(group)
    except ContinuumError as error:
        return str(error)
    except TimeoutError:
        return f"{group.plan.site} still shows jobs after {END_SECONDS} s."
    return ""


async def end_jobs(group: Group) -> None:
    """End every job and see that the site has none of them left. Raises SiteError."""
    names = [job.name for job in group.jobs if not job.over or job.submitted_at]
    if not names:
        return
    session = group.owner.session(group.plan.site)
    if session is None:
        raise SiteError(
            f"{group.plan.site} is not connected, so its jobs could not be ended. They end by "
            f"themselves when their lease runs out; `jupyter continuum audit` shows them."
        )
    doubtful = any(job.phase in (Phase.PLANNED, Phase.SUBMITTING) for job in group.jobs)

    def seen(status: SiteStatus) -> None:
        found = {job.name: job for job in status.jobs}
        for entry in group.jobs:
            if entry.name in found and not entry.over:
                entry.observe(found[entry.name], time.time())

    await end_named(session, names, doubtful=doubtful, seen=seen)
    for entry in group.jobs:
        if entry.submitted_at and not entry.over:  # it left without a word
            entry.phase = Phase.CANCELLED
            entry.end(time.time())


async def end_named(
    session: Session,
    names: Sequence[str],
    *,
    doubtful: bool,
    seen: Callable[[SiteStatus], None] = lambda _: None,
) -> None:
    """End these jobs until the site has none of them left, then remove their folders.

    ``doubtful``: a submit of theirs may still be on its way; ``seen`` is told every look.
    Raises SiteError.
    """
    asked_at = quiet_since = float("-inf")
    pause = 0.1
    while True:
        now = time.monotonic()
        if now - asked_at > CANCEL_AGAIN_SECONDS:
            await session.attempt(lambda: session.launcher.cancel(names))
            asked_at = now
        status = await session.look()
        seen(status)
        live = [job for job in status.jobs if job.state in (JobState.QUEUED, JobState.RUNNING)]
        if any(job.name in names for job in live):
            if quiet_since > 0:
                asked_at = float("-inf")  # it came late
            quiet_since = float("-inf")
        elif quiet_since < 0:
            quiet_since = time.monotonic()
        if quiet_since > 0 and time.monotonic() - quiet_since >= (LATE_SECONDS if doubtful else 0):
            break
        await asyncio.sleep(pause)
        pause = min(2.0, 1.5 * pause)
    await session.attempt(lambda: session.launcher.forget(names))
