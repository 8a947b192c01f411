"""What a sweep asks of a worker where its kernels are, as tasks and calls.

All of it ends with the sweep or the worker, its processes also when nothing was run for a while.
"""

from __future__ import annotations

import asyncio
import os
import threading
from importlib.util import find_spec
from typing import Any, TypedDict

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.sweep.node import Node, Parcel, Sheet

NEEDED = ("ipykernel", "papermill")


class Brought(TypedDict):
    """What became of a sheet that was brought to a worker."""

    node: str
    packages: list[str]
    """What kernels need, and this environment has not got."""
    modules: list[str]
    """What lies beside the notebook, and is not here."""
    why: str
    """Why no kernel can run here; "" when one did."""


async def bring(sheet: Sheet, dask_worker: Any = None) -> Brought:
    """Have all that runs of this sweep need, and try it with a kernel that does nothing."""
    try:
        return await asyncio.to_thread(_bring, sheet, dask_worker)
    except RuntimeError as error:
        if "thread" not in str(error):
            raise
        # So many of a person are allowed there, and these are there.
        why = f"no thread can be started there, nor a process ({error})"
        return Brought(node=os.uname().nodename, packages=[], modules=[], why=why)


def perform(sweep: str, number: int, parameters: dict[str, Any]) -> Parcel | None:
    """One run, as a task. None: nothing of the sweep is here, as in a worker that began anew."""
    from distributed import get_worker, secede

    worker = get_worker()
    key = worker.get_current_task()
    secede()  # tasks of the notebook may run here meanwhile; the sweep bounds the runs

    def is_wanted() -> bool:
        state = worker.state.tasks.get(key)
        return state is not None and state.state in ("executing", "long-running")

    if (node := _NODES.get(sweep)) is None:
        return None
    parcel = node.run(number, parameters, is_wanted)
    if parcel is None and not is_wanted():
        # All runs of a sweep are given up at once: when it ends, and when it was killed.
        _end(sweep)
    return parcel


async def changed(sweep: str) -> dict[int, str]:
    """Notebooks of runs under way, by number: those that were written since this was asked."""
    node = _NODES.get(sweep)
    return {} if node is None else await asyncio.to_thread(node.changed)


async def end(sweep: str) -> dict[int, str]:
    """End what this worker has for that sweep, and what there is of the notebooks of its runs."""
    return await asyncio.to_thread(_end, sweep)


def _bring(sheet: Sheet, worker: Any) -> Brought:
    brought = Brought(
        node=os.uname().nodename,
        packages=[name for name in NEEDED if find_spec(name) is None],
        modules=[name for name in sheet.beside if find_spec(name) is None],
        why="",
    )
    if not brought["packages"] and not brought["modules"]:
        try:
            node = _NODES[sheet.sweep] = Node(sheet, worker)
            brought["why"] = node.try_out()
        except (OSError, RunError) as error:
            brought["why"] = str(error)
        if brought["why"]:
            _end(sheet.sweep)
    return brought


def _end(sweep: str) -> dict[int, str]:
    with _LOCK:
        node = _NODES.pop(sweep, None)
    return {} if node is None else node.end()


_NODES: dict[str, Node] = {}
"""Of this worker, by sweep."""
_LOCK = threading.Lock()
