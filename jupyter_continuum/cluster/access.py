"""The scheduler's ear for the person's word that all access is to end now."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin

from jupyter_continuum.cluster.gate import OP
from jupyter_continuum.cluster.news import follow

if TYPE_CHECKING:
    from distributed.scheduler import Scheduler

    from jupyter_continuum.cluster.scheduler import ContinuumScheduler

TELL_SECONDS = 5.0
"""A worker that takes longer to be told is one that nobody reaches."""

logger = logging.getLogger(__name__)


class Access(SchedulerPlugin):
    """Asks the broker's Unix socket, which answers when there is news, and obeys.

    That the scheduler obeys already is said with the next question.
    """

    name = "continuum-access"

    def __init__(self, scheduler: ContinuumScheduler, *, cluster: str, broker: Path) -> None:
        self._scheduler = scheduler
        self._cluster = cluster
        self._tasks = {asyncio.create_task(follow(broker, "access", self._question, self._obey))}

    async def before_close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        if self._scheduler.least_client:
            # Not awaited: it answers only once its registration is over.
            task = asyncio.create_task(self._tell([worker]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _question(self) -> dict[str, Any]:
        return {"cluster": self._cluster, "enforced": self._scheduler.least_client}

    async def _obey(self, told: dict[str, Any]) -> None:
        least = int(told["least"])
        if least > self._scheduler.least_client:
            self._scheduler.end_access(least)
            await self._tell(None)

    async def _tell(self, workers: list[str] | None) -> None:
        """Clients may call workers too, and what started these; None: all of them."""
        scheduler = self._scheduler
        message: dict[str, Any] = {"op": OP, "least": scheduler.least_client}
        try:
            async with asyncio.timeout(TELL_SECONDS):
                await asyncio.gather(
                    *(
                        scheduler.broadcast(
                            msg=message, workers=workers, nanny=nanny, on_error="return"
                        )
                        for nanny in (False, True)
                    )
                )
        except (TimeoutError, KeyError) as error:  # KeyError: the worker has left meanwhile
            logger.warning("Not every worker was told that access has ended: %r", error)
