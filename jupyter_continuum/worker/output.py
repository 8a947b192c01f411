"""Standard output of a worker's process, once what its tasks print is told to the scheduler."""

from __future__ import annotations

import sys
from typing import Any, TextIO, cast

from distributed.diagnostics.plugin import WorkerPlugin
from distributed.utils import thread_state  # type: ignore[attr-defined]  # it is imported there

from jupyter_continuum.cluster.prints import TOPIC, TaskOutput


class ShowPrints(WorkerPlugin):
    """Put in the place of ``sys.stdout`` for as long as the process lives."""

    name = "continuum-show-prints"

    def setup(self, worker: Any) -> None:
        def send(key: str, lines: str) -> None:
            worker.log_event(TOPIC, {"worker": worker.address, "key": key, "lines": lines})

        self._output = TaskOutput(sys.stdout, current_task, send)
        sys.stdout = cast(TextIO, self._output)

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        if start == "executing":
            self._output.ended(key)


def current_task() -> Any | None:
    """Key of the task that this thread computes."""
    return getattr(thread_state, "key", None)
