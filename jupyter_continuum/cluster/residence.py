"""Workers elsewhere are not let in once data was opened that must stay.

What a worker reads may be sent to any other: a worker that is let in is one too many.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from distributed import Scheduler
from distributed.comm.core import Comm
from distributed.diagnostics.plugin import SchedulerPlugin

from jupyter_continuum.cluster.news import follow
from jupyter_continuum.cluster.reachability import site_of

logger = logging.getLogger(__name__)


class ResidentScheduler(Scheduler):
    """A Scheduler that from ``keep_to`` on lets in workers at some sites alone."""

    kept_to: frozenset[str] | None = None
    """Those sites; None is everywhere. There are never more of them again."""

    def keep_to(self, sites: Iterable[str]) -> list[str]:
        """Let in nobody elsewhere from now on; the sites that are in the way, and it does not."""
        wanted = frozenset(sites)
        if elsewhere := {site_of(address) for address in self.workers} - wanted:
            return sorted(elsewhere)
        self.kept_to = wanted if self.kept_to is None else self.kept_to & wanted
        return []

    async def add_worker(self, comm: Comm, *, address: str, **about: Any) -> None:
        """``about``: whatever a worker says of itself."""
        site = site_of(address)
        # Before it is a worker at all: as soon as it is one, it is given tasks.
        if self.kept_to is None or site in self.kept_to:
            await super().add_worker(comm, address=address, **about)
            return
        why = (
            f"{about.get('name')} at {site or 'a site that is not known'} is not let in: data that "
            f"this cluster has opened must stay, and no workers but at "
            f"{', '.join(sorted(self.kept_to))} may come."
        )
        logger.warning(why)
        await comm.write({"status": "error", "message": why, "time": time.time()})


class Residence(SchedulerPlugin):
    """Asks the broker to which sites the cluster is bound, and says that it keeps to them."""

    name = "continuum-residence"

    def __init__(self, scheduler: ResidentScheduler, *, cluster: str, broker: Path) -> None:
        self._scheduler = scheduler
        self._cluster = cluster
        self._refused: tuple[str, list[str]] = ("", [])
        """The attempt at which workers were elsewhere, and where."""
        self._task = asyncio.create_task(follow(broker, "residence", self._question, self._obey))

    async def before_close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    def _question(self) -> dict[str, Any]:
        kept, (refused, elsewhere) = self._scheduler.kept_to, self._refused
        return {
            "cluster": self._cluster,
            "kept": None if kept is None else sorted(kept),
            "refused": refused,
            "elsewhere": elsewhere,
        }

    async def _obey(self, told: dict[str, Any]) -> None:
        if told["sites"] is not None:
            self._refused = (told["attempt"], self._scheduler.keep_to(told["sites"]))
