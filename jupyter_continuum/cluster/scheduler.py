"""distributed's Scheduler for workers at several sites."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from distributed import Scheduler
from distributed.core import Status
from distributed.scheduler import TaskState

from jupyter_continuum.cluster.signatures import check_signatures


class ContinuumScheduler(Scheduler):
    """Remembers which results are meant to have several copies (see ``replicas``)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # whatever Scheduler takes
        check_signatures()
        self.wanted_copies: weakref.WeakKeyDictionary[TaskState, int] = weakref.WeakKeyDictionary()
        super().__init__(*args, **kwargs)

    async def replicate(
        self,
        keys: list[Any],
        n: int | None = None,
        workers: Iterable[str] | None = None,
        branching_factor: int = 2,
        delete: bool = True,
        stimulus_id: str | None = None,
    ) -> dict[str, Any] | None:
        able = self._able_workers(workers)
        wanted = able if n is None else min(n, able)
        for key in keys:
            if (ts := self.tasks.get(key)) is not None:
                self.wanted_copies[ts] = wanted
        answer: dict[str, Any] | None = await super().replicate(
            keys,
            n=n,
            workers=workers,
            branching_factor=branching_factor,
            delete=delete,
            stimulus_id=stimulus_id,
        )
        return answer

    def _able_workers(self, workers: Iterable[str] | None) -> int:
        """How many of ``workers`` can take copies, as the stock ``replicate`` counts them."""
        if workers is None:
            return len(self.running)
        chosen = (self.workers[address] for address in self.workers_list(workers))
        return sum(worker.status == Status.running for worker in chosen)
