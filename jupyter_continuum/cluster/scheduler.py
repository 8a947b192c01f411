"""distributed's Scheduler for workers at several sites."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from distributed import Scheduler
from distributed.core import Status
from distributed.scheduler import TaskState

from jupyter_continuum.cluster import http_socket
from jupyter_continuum.cluster.signatures import check_signatures


class ContinuumScheduler(Scheduler):
    """Remembers which results are meant to have several copies (see ``replicas``)."""

    def __init__(
        self,
        *args: Any,  # whatever Scheduler takes
        cluster: str = "",
        dashboard_socket: Path | None = None,
        **kwargs: Any,
    ) -> None:
        """``dashboard_socket``: where its pages are, instead of at a TCP port."""
        check_signatures()
        self._cluster = cluster
        self._dashboard_socket = dashboard_socket
        self.wanted_copies: weakref.WeakKeyDictionary[TaskState, int] = weakref.WeakKeyDictionary()
        super().__init__(*args, **kwargs)

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
        self.http_application, self.http_server = http_socket.serve(routes, self._dashboard_socket)
        # Dask puts the "port" into the link to the dashboard that a client shows, and a process
        # may be the client of several clusters: this tells them apart.
        self.http_server.port = self._cluster  # type: ignore[attr-defined]
        self.services["dashboard"] = self.http_server

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
