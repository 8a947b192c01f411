"""When sites would begin jobs that are planned: each question costs an id, so few are asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.errors import SiteError
from jupyter_continuum.planning.wait import Said
from jupyter_continuum.sites.protocols import Foretells, JobRequest

TTL_SECONDS = 600
MOST = 100
"""Answers that are kept."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """``said`` None: the site says nothing of it."""

    said: Said | None = None
    trouble: str = ""
    """Why it does not, or would refuse the job: one sentence."""


class Foretelling:
    """One question for each shape of job and ten minutes, however many ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, JobRequest], tuple[float, asyncio.Task[float | SiteError]]] = {}

    async def of(self, session: Session, request: JobRequest) -> Foretold:
        """Raises nothing of the site's: a plan is no worse for what is not foretold."""
        launcher = session.launcher
        if not session.ready or not isinstance(launcher, Foretells):
            return Foretold()
        # What tells two tries of the same plan apart: secrets and names that are made up anew.
        key = (session.site, replace(request, name="", cluster="", join=()))
        asked, task = self._kept.get(key, (0.0, None))
        if task is None or self._clock() - asked >= TTL_SECONDS:
            asked, task = self._clock(), asyncio.create_task(_ask(launcher, request))
            self._kept.pop(key, None)
            self._kept[key] = (asked, task)
            while len(self._kept) > MOST:
                self._kept.pop(next(iter(self._kept)))
        # Whoever asked first may hang up: the answer is for all.
        found = await asyncio.shield(task)
        if isinstance(found, SiteError):
            return Foretold(trouble=str(found))
        seconds = max(0.0, asked + found - self._clock())
        return Foretold(Said(seconds, "the batch system, of this very job"))


async def _ask(launcher: Foretells, request: JobRequest) -> float | SiteError:
    try:
        return await launcher.wait_seconds(request)
    except SiteError as error:
        return error
