"""What the jobs of groups have printed, fetched from their sites."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.job import JobEntry
from jupyter_continuum.broker.words import many_lines
from jupyter_continuum.errors import SiteError

ANSWER_SECONDS = 20


async def read_logs(groups: Sequence[Group], lines: int) -> dict[str, str]:
    """The last ``lines`` of every job; a sentence where a site does not answer."""
    jobs = [(group, job) for group in groups for job in group.jobs]
    texts = await asyncio.gather(*(_read(group, job) for group, job in jobs))
    return {
        job.name: "\n".join(text.splitlines()[-lines:])
        for (_, job), text in zip(jobs, texts, strict=True)
    }


async def _read(group: Group, job: JobEntry) -> str:
    session = group.owner.session(group.plan.site)
    if session is None:
        return f"{group.plan.site} is not connected."
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return many_lines(await session.attempt(lambda: session.launcher.log(job.name)))
    except (SiteError, TimeoutError) as error:
        why = error if isinstance(error, SiteError) else f"no answer within {ANSWER_SECONDS} s"
        return f"The log cannot be read: {why}."
