"""A device that answers no more: its worker leaves, and others compute what it had.

A CUDA error stays with its process: every later call of it fails, and what lay on the device is
lost. So the process ends. Its nanny starts another, which chooses its library anew: the device
where it answers again, else NumPy. The scheduler has the results that were lost computed elsewhere,
and counts the death against the task as any other, so that a kernel that breaks every device it
meets ends as KilledWorker and not never.
"""

from __future__ import annotations

import threading
import traceback
from typing import Any, NoReturn

from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.errors import AnalysisError

LEAVE_SECONDS = 60
"""How long a task waits for the end of its process, before it fails after all."""


def raise_if_lost(here: Backend, doing: str, error: BaseException) -> None:
    """After ``error`` in ``doing``: nothing where the device still answers.

    Else this does not come back on a worker of a cluster, which leaves; anywhere else it is an
    AnalysisError with the sentence.
    """
    if not here.accelerated or isinstance(error, AnalysisError):
        return
    why = here.trouble()
    if why:
        traceback.clear_frames(error.__traceback__)
        _leave(f"{here.model} answered no more while {doing} was computed ({why}).", error)


def _leave(what: str, error: BaseException) -> NoReturn:
    worker = _restarted_worker()
    if worker is not None:
        _tell(f"{what} Its worker {worker.name} starts anew, and others compute what it had.")
        worker.loop.add_callback(
            worker.close, nanny=False, executor_wait=False, reason="its device answers no more"
        )
        # A task that fails would end the run: this one is taken for lost with its worker.
        threading.Event().wait(LEAVE_SECONDS)
    raise AnalysisError(
        f"{what} All that lay on it is lost, and this process cannot use it again: restart the "
        "kernel or the worker, and set JUPYTER_CONTINUUM_DEVICE=numpy to do without it."
    ) from error


def _restarted_worker() -> Any | None:
    """The Dask worker whose task this thread computes, where a nanny starts it again."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return None
    return worker if worker.nanny else None


def _tell(message: str) -> None:
    """The person, as a warning beside the cell, and the worker's log."""
    from distributed import warn

    warn(message, RuntimeWarning)
