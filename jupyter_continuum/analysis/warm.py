"""A worker's device is made ready while the worker joins, and not in its first task.

Dask imports this by name in each worker that was given devices, and calls ``dask_setup``. Import of
the library, context, first compilation, FFT and matrix product take seconds, once a process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from jupyter_continuum.cluster.log import say
from jupyter_continuum.errors import AnalysisError


def dask_setup(worker: Any) -> None:  # distributed.Worker
    """Begin; the worker registers meanwhile, and its first task waits for what is left."""
    threading.Thread(target=warm_up, args=(worker.name, say), name="warm-up", daemon=True).start()


def warm_up(name: str, tell: Callable[[str], None]) -> None:
    """Choose the backend of this process and have it ready; one sentence of how that went."""
    from jupyter_continuum.analysis.device import choice

    began = time.perf_counter()
    try:
        found = choice()
    except AnalysisError as error:  # one that was asked for by name: tasks will say so too
        tell(f"{name}: {error}")
        return
    took = time.perf_counter() - began
    if found.backend.accelerated:
        tell(f"{name}: computes on {found.backend.model}, ready after {took:.1f} s")
    else:
        tell(
            f"{name}: was given a device and computes on the {found.backend.model} "
            f"({found.why}). Check the driver, and `prepare` its site with --gpu."
        )
