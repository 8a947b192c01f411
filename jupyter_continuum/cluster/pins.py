"""Tasks that read what only some sites can see stay with the workers of those sites.

Dask's own annotations do not survive the optimisation of arrays and tables, so the tasks themselves
are looked at: whatever reads says where with ``read_at``, a tuple of sites.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.scheduler import Scheduler, TaskState

from jupyter_continuum.cluster.reachability import site_of

NAME = "jupyter-continuum-site-pins"


class SitePins(SchedulerPlugin):
    """Registered by whoever opens such data; other clusters pay nothing."""

    name = NAME
    idempotent = True

    async def start(self, scheduler: Scheduler) -> None:
        self._pinned: weakref.WeakKeyDictionary[TaskState, frozenset[str]] = (
            weakref.WeakKeyDictionary()
        )

    def update_graph(self, scheduler: Scheduler, *, tasks: Iterable[Any], **_: Any) -> None:
        """``tasks`` are keys; called before any of them is placed."""
        for key in tasks:
            ts = scheduler.tasks[key]
            sites = sites_of(ts.run_spec)
            if sites is None:
                continue
            self._pinned[ts] = sites
            there = {address for address in scheduler.workers if site_of(address) in sites}
            # Nobody there now: it waits for whoever comes. An empty set would mean anybody.
            ts.worker_restrictions = there or {f"nobody at {', '.join(sorted(sites))}"}
            ts.loose_restrictions = False

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        site = site_of(worker)
        for ts, sites in self._pinned.items():
            if site in sites and ts.worker_restrictions is not None:
                ts.worker_restrictions.add(worker)


def sites_of(task: Any) -> frozenset[str] | None:
    """Where all that ``task`` reads can be read; None where it reads nothing of the kind."""
    found = [frozenset(sites) for sites in _read_at(task)]
    return frozenset.intersection(*found) if found else None


def _read_at(node: Any) -> Iterator[tuple[str, ...]]:
    """Of everything in a task, and in what was fused into it."""
    left = [node]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            left.extend(node.values())
        elif isinstance(node, list | tuple):
            left.extend(node)
        elif sites := getattr(type(node), "read_at", None) and node.read_at:
            yield sites
        else:
            for part in ("func", "args", "kwargs", "value", "dsk"):
                if (inner := _part(node, part)) is not None:
                    left.append(inner)


def _part(node: Any, name: str) -> Any:
    """Of a node of a graph, which is one of Dask's own types: nothing else is looked into."""
    return getattr(node, name, None) if type(node).__module__.startswith("dask.") else None
