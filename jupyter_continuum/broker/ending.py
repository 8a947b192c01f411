"""The end of a cluster: nothing of it is left at any site, and that is certain or said."""

from __future__ import annotations

import asyncio
import time

from jupyter_continuum.broker.group import Group
from jupyter_continuum.errors import ContinuumError, SiteError
from jupyter_continuum.planning.reconcile import Phase
from jupyter_continuum.sites.protocols import JobState

END_SECONDS = 90
"""How long ``stop`` waits for a site to say that nothing is left."""
FINISH_SECONDS = 20
"""How long a submit that is under way may take: a job that nobody knows would be an orphan."""
CANCEL_AGAIN_SECONDS = 10
LATE_SECONDS = 4
"""A submit that nobody answered may still reach the queue: look again after so long."""


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
    asked_at = quiet_since = float("-inf")
    pause = 0.1
    while True:
        now = time.monotonic()
        if now - asked_at > CANCEL_AGAIN_SECONDS:
            await session.attempt(lambda: session.launcher.cancel(names))
            asked_at = now
        status = await session.look()
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
