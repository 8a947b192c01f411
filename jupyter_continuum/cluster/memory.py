"""Where copies of results may go: not across a gap."""

from __future__ import annotations

from typing import cast

from distributed.active_memory_manager import ActiveMemoryManagerExtension
from distributed.scheduler import TaskState, WorkerState

from jupyter_continuum.cluster.placement import GapScheduler


class MemoryManager(ActiveMemoryManagerExtension):
    """Dask's own, for the ways that there are."""

    def _find_recipient(
        self,
        ts: TaskState,
        candidates: set[WorkerState] | None,
        pending_repl: set[WorkerState],
    ) -> WorkerState | None:
        scheduler = cast(GapScheduler, self.scheduler)
        if barred := scheduler.barred_from([ts]):
            candidates = (scheduler.running if candidates is None else candidates) - barred
        return super()._find_recipient(ts, candidates, pending_repl)
