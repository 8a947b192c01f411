"""distributed's Scheduler for workers at several sites."""

from __future__ import annotations

import asyncio
import weakref
from collections import defaultdict
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import dask
from distributed.core import Status
from distributed.scheduler import DEFAULT_EXTENSIONS, TaskState, WorkerState

from jupyter_continuum.cluster import http_socket
from jupyter_continuum.cluster.gate import Gated
from jupyter_continuum.cluster.memory import MemoryManager
from jupyter_continuum.cluster.placement import GapScheduler
from jupyter_continuum.cluster.residence import ResidentScheduler
from jupyter_continuum.cluster.signatures import check_signatures
from jupyter_continuum.cluster.verification import Verification

IDENTITY = "continuum_cluster"


class ContinuumScheduler(Gated, ResidentScheduler, GapScheduler):
    """Finds gaps, lets in nobody where data must not be, and remembers which results are meant to
    have several copies (``replicas``)."""

    def __init__(
        self,
        *args: Any,  # whatever Scheduler takes
        cluster: str = "",
        cluster_id: str = "",
        dashboard_socket: Path | None = None,
        **kwargs: Any,
    ) -> None:
        """``dashboard_socket``: where its pages are, instead of at a TCP port."""
        check_signatures()
        self._cluster = cluster
        self._cluster_id = cluster_id
        self._dashboard_socket = dashboard_socket
        self.wanted_copies: weakref.WeakKeyDictionary[TaskState, int] = weakref.WeakKeyDictionary()
        super().__init__(*args, extensions=_extensions(), **kwargs)
        self.verification = Verification(self)
        self.add_plugin(self.verification)

    def identity(self, n_workers: int = -1) -> dict[str, Any]:
        """Also which cluster of the broker it is, for a client that asks the broker about it."""
        about: dict[str, Any] = super().identity(n_workers)
        return about | {IDENTITY: self._cluster_id}

    def start_http_server(
        self,
        routes: Any,
        dashboard_address: Any,
        default_port: int = 0,
        ssl_options: Any = None,
    ) -> None:
        if self._dashboard_socket is None:
            super().start_http_server(routes, dashboard_address, default_port, ssl_options)  # type: ignore[no-untyped-call]
            return
        self.http_application, self.http_server = http_socket.serve(
            routes, self._dashboard_socket, self._load_plots
        )
        # Dask puts the "port" into the link to the dashboard that a client shows, and a process
        # may be the client of several clusters: this tells them apart.
        self.http_server.port = self._cluster  # type: ignore[attr-defined]
        self.services["dashboard"] = self.http_server

    async def _load_plots(self) -> None:
        """Dask's plots, whose import takes longer than all the rest of a scheduler's start."""
        plots = await asyncio.to_thread(import_module, "distributed.dashboard.scheduler")
        plots.connect(self.http_application, self.http_server, self)

    async def _stop_services(self) -> None:
        await super()._stop_services()  # type: ignore[no-untyped-call]
        if self._dashboard_socket is not None:
            self._dashboard_socket.unlink(missing_ok=True)

    async def replicate(
        self,
        keys: list[Any],
        n: int | None = None,
        workers: Iterable[str] | None = None,
        branching_factor: int = 2,
        delete: bool = True,
        stimulus_id: str | None = None,
    ) -> dict[str, Any] | None:
        refused: list[Any] = []
        for group, able in self._by_reach(keys, workers):
            if able == [] and self.gaps:
                refused += group
                continue
            count = self._able_workers(able)
            wanted = count if n is None else min(n, count)
            for key in group:
                if (ts := self.tasks.get(key)) is not None:
                    self.wanted_copies[ts] = wanted
            answer: dict[str, Any] | None = await super().replicate(
                group,
                n=n,
                workers=able,
                branching_factor=branching_factor,
                delete=delete,
                stimulus_id=stimulus_id,
            )
            refused += (answer or {}).get("keys", ())
        return {"status": "partial-fail", "keys": refused} if refused else None

    def _by_reach(
        self, keys: list[Any], workers: Iterable[str] | None
    ) -> list[tuple[list[Any], list[str] | None]]:
        """``keys``, apart by the workers that can have copies of them; None is all of them."""
        chosen = None if workers is None else [*workers]
        groups: dict[frozenset[WorkerState], list[Any]] = defaultdict(list)
        for key in keys:
            ts = self.tasks.get(key)
            groups[frozenset(self.barred_from([ts] if ts else []))].append(key)
        everybody = [*self.workers] if chosen is None else self.workers_list(chosen)
        return [
            (group, [each for each in everybody if self.workers[each] not in barred])
            if barred
            else (group, chosen)
            for barred, group in groups.items()
        ]

    def _able_workers(self, workers: Iterable[str] | None) -> int:
        """How many of ``workers`` can take copies, as the stock ``replicate`` counts them."""
        if workers is None:
            return len(self.running)
        chosen = (self.workers[address] for address in self.workers_list(workers))
        return sum(worker.status == Status.running for worker in chosen)


def _extensions() -> dict[str, Any]:
    """As distributed chooses them, with copies that stay on this side of a gap."""
    chosen = DEFAULT_EXTENSIONS | {"amm": MemoryManager}
    if not dask.config.get("distributed.scheduler.work-stealing"):
        del chosen["stealing"]
    return chosen
