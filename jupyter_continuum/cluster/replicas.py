"""Which copies of a result may go: those that nobody asked for."""

from __future__ import annotations

from distributed.active_memory_manager import ReduceReplicas as Stock
from distributed.active_memory_manager import SuggestionGenerator
from distributed.scheduler import TaskState

from jupyter_continuum.cluster.scheduler import ContinuumScheduler


class ReduceReplicas(Stock):
    """As Dask's own policy, but leaves as many copies as ``replicate`` or ``scatter`` made.

    Dask's own drops every copy but one each two seconds, while ``replicate`` goes on until
    all copies exist at once: over a link slower than that, broadcasting never ends.
    """

    def run(self) -> SuggestionGenerator:
        for suggestion in super().run():
            if suggestion.op != "drop" or self._copies(suggestion.ts) > self._wanted(suggestion.ts):
                yield suggestion

    def _copies(self, ts: TaskState) -> int:
        """Copies that will be there once what is pending has happened."""
        added, dropped = self.manager.pending.get(ts, ((), ()))
        return len(ts.who_has or ()) + len(added) - len(dropped)

    def _wanted(self, ts: TaskState) -> int:
        scheduler = self.manager.scheduler
        assert isinstance(scheduler, ContinuumScheduler)
        return scheduler.wanted_copies.get(ts, 1)
