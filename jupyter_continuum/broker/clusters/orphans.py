"""Jobs at sites that are named like ours and that no cluster of this broker owns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jupyter_continuum.broker.messages.clusters import OrphanView
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.sites.protocols import JobState


class Audit:
    """Finds them, and ends them where that is asked for."""

    def __init__(self, sites: Sites, own: Callable[[], set[str]]) -> None:
        """``own`` gives the names of jobs that are somebody's here."""
        self._sites = sites
        self._own = own

    async def audit(self, *, site: str = "", end: bool = False) -> list[OrphanView]:
        """Of all sites, those that answer; of one, SiteError says when it does not."""
        if site:
            return await self._at(self._sites.session(site), end)
        ready = [session for session in self._sites.sessions.values() if session.ready]
        found = await asyncio.gather(*(self._at(each, end) for each in ready))
        return [orphan for orphans in found for orphan in orphans]

    async def _at(self, session: Session, end: bool) -> list[OrphanView]:
        status = await session.look()
        # Asked after the look: a job that was submitted meanwhile is nobody's orphan.
        own = self._own()
        jobs = [
            job
            for job in status.jobs
            if job.name not in own and job.state in (JobState.QUEUED, JobState.RUNNING)
        ]
        names = [job.name for job in jobs]
        if end and names:
            await session.attempt(lambda: session.launcher.cancel(names))
        return [
            OrphanView(
                site=session.site,
                job=job.name,
                job_id=job.id,
                state="ended" if end else job.state,
                reason=job.reason,
            )
            for job in jobs
        ]
