"""Jobs at sites that are named like ours and that no cluster of this broker owns."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_continuum.broker.messages.clusters import OrphanView
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.sites.protocols import Job, JobState


async def find_orphans(session: Session, own: Callable[[], set[str]]) -> list[Job]:
    """``own`` gives the names of jobs that clusters own. Raises SiteError."""
    status = await session.look()
    # Asked after the look: a job that was submitted meanwhile is nobody's orphan.
    owned = own()
    return [
        job
        for job in status.jobs
        if job.name not in owned and job.state in (JobState.QUEUED, JobState.RUNNING)
    ]


async def end_orphans(session: Session, jobs: list[Job]) -> None:
    names = [job.name for job in jobs]
    if names:
        await session.attempt(lambda: session.launcher.cancel(names))


def orphan_views(session: Session, jobs: list[Job], *, ended: bool) -> list[OrphanView]:
    return [
        OrphanView(
            site=session.site,
            job=job.name,
            job_id=job.id,
            state="ended" if ended else job.state,
            reason=job.reason,
        )
        for job in jobs
    ]
