"""One agent: from the ticket to the last worker, and out."""

from __future__ import annotations

import asyncio
import importlib
import os
import socket
import time
from collections.abc import Sequence
from typing import Any

from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.cluster.log import quiet_libraries, say
from jupyter_continuum.cluster.security import make_identity
from jupyter_continuum.cluster.signatures import check_signatures
from jupyter_continuum.cluster.wide_link import adopt
from jupyter_continuum.relay.gateway import Gateway
from jupyter_continuum.worker import deadlines, devices
from jupyter_continuum.worker.counters import find_counters
from jupyter_continuum.worker.forking import Zygote
from jupyter_continuum.worker.meter import Meter, has_the_node
from jupyter_continuum.worker.ticket import Ticket
from jupyter_continuum.worker.workforce import Place, Share, Workforce

SIGTERM_SECONDS = 3
"""How long a hand-over may take after SIGTERM: some kill five seconds later."""
CLOSE_SECONDS = 1
"""How long a worker may take to close before its process is killed; one that starts, at once."""


class Agent:
    """The workers of one node of one job."""

    def __init__(self, ticket: Ticket, place: Place, gateway: Gateway, zygote: Zygote) -> None:
        self.ticket = ticket
        self.place = place
        self.gateway = gateway
        self.zygote = zygote
        self.terminated = asyncio.Event()
        """Set by SIGTERM."""
        self._identities = {name: make_identity(name) for name in ticket.worker_names()}

    async def run(self, *, began: float) -> None:
        """Join, work, leave. ``began``: when the job began, in seconds of the epoch.

        Raises RelayError with the sentence when the cluster refuses.
        """
        variable, found = devices.visible_devices(os.environ)
        shares = self._shares(variable, found)
        meter = self._meter(found)
        metering = asyncio.create_task(meter.run()) if meter is not None else None
        try:
            await self._work(began, found, shares, str(meter.path) if meter is not None else "")
        finally:
            if metering is not None:
                metering.cancel()
                await asyncio.wait([metering])

    def _meter(self, found: Sequence[str]) -> Meter | None:
        """None where the node shows no counter."""
        ticket, processors = self.ticket, os.cpu_count() or 1
        counters = find_counters(found, os.environ)
        if not counters:
            return None
        return Meter(
            counters,
            self.place.sockets / f"{ticket.agent}.energy",
            alone=has_the_node(os.environ, processors),
            share=min(1.0, ticket.workers * ticket.threads / processors),
        )

    async def _work(
        self, began: float, found: Sequence[str], shares: Sequence[Share], metered: str
    ) -> None:
        end = deadlines.job_end(
            os.environ, walltime_seconds=self.ticket.walltime_seconds, now=began
        )
        grant = await self._join(found, end)
        if grant is None:
            return
        say(f"let into {self.ticket.cluster} with {self.ticket.workers} workers")
        adopt({**grant["config"], "continuum": {"relay": self._relay_config()}})
        workforce = Workforce(
            self.ticket,
            self.place,
            identities=self._identities,
            shares=shares,
            grant=grant,
            zygote=self.zygote,
            metered=metered,
        )
        work = asyncio.create_task(workforce.run())
        why = await deadlines.race(work, self._endings(end))
        say(f"leaving: {why or 'all workers were retired'}")
        if why in (deadlines.STOPPED, deadlines.WALLTIME):
            await workforce.hand_over(limit_seconds=self._hand_over_seconds(why, end))
        await workforce.close(timeout_seconds=CLOSE_SECONDS)
        await work

    def _shares(self, variable: str, found: Sequence[str]) -> list[Share]:
        ticket = self.ticket
        shared = devices.share_devices(
            found,
            workers=ticket.workers,
            gpus_per_worker=ticket.gpus_per_worker,
            node=self.place.node,
        )
        return [Share(variable, each) for each in shared]

    async def _join(self, found: Sequence[str], end: float) -> dict[str, Any] | None:
        """What the cluster grants; None when there is nothing to join any more."""
        # A second of work, done while the way to the cluster is being opened.
        loading = asyncio.create_task(asyncio.to_thread(_load_dask))
        request = {
            "protocol": self.ticket.protocol,
            "node": self.place.node,
            "pid": os.getpid(),
            "environment": environment() | {"gpus": devices.describe_gpus(found)},
            "workers": [
                {"name": name, "csr": identity.request}
                for name, identity in self._identities.items()
            ],
        }
        asking = asyncio.create_task(self.gateway.join(request))
        why = await deadlines.race(asking, self._endings(end))
        await loading
        if why:
            asking.cancel()
            say(f"leaving before joining: {why}")
            return None
        return asking.result()

    def _endings(self, end: float) -> dict[str, deadlines.Ending]:
        ticket, gateway = self.ticket, self.gateway
        drain_at = end - deadlines.drain_seconds(ticket.walltime_seconds)
        return {
            deadlines.ENDED: gateway.ended.wait(),
            deadlines.STOPPED: self.terminated.wait(),
            deadlines.WALLTIME: deadlines.moment_has_come(drain_at),
            f"nothing was heard from the cluster for {ticket.lease_seconds:g} s": (
                deadlines.lease_has_run_out(lambda: gateway.last_heard, ticket.lease_seconds)
            ),
        }

    def _hand_over_seconds(self, why: str, end: float) -> float:
        left = end - time.time() - SIGTERM_SECONDS
        return SIGTERM_SECONDS if why == deadlines.STOPPED else max(SIGTERM_SECONDS, left)

    def _relay_config(self) -> dict[str, str]:
        host = ""
        if self.ticket.direct == "tcp":
            told = os.environ.get("JC_DIRECT_HOST")  # a pod's gateway is reached at 127.0.0.1
            host = told or self.gateway.reached_at or socket.gethostbyname(socket.gethostname())
        return {
            "exchange": self.gateway.local_path,
            "site": self.ticket.site,
            "agent": self.ticket.agent,
            "direct-dir": str(self.place.sockets),
            "direct-host": host,
        }


def _load_dask() -> None:
    importlib.import_module("jupyter_continuum.worker.node")
    quiet_libraries()
    check_signatures()
