"""The workers of one agent, made from what its cluster granted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.cluster.log import say
from jupyter_continuum.cluster.security import Identity, security
from jupyter_continuum.worker.supervise import Supervised
from jupyter_continuum.worker.ticket import Ticket

if TYPE_CHECKING:
    from distributed import Security

    from jupyter_continuum.worker.node import ContinuumNanny


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agent works on its node."""

    job: Path
    """The job's folder, on a file system that the login node sees."""
    sockets: Path
    """Node-local, shared with the cluster's other agents on this node."""
    scratch: Path
    """Node-local, this agent's own: removed when it ends."""
    node: str


@dataclass(frozen=True, slots=True)
class Share:
    """The devices of one worker, and the variable that shows it no others."""

    variable: str
    devices: tuple[str, ...]


class Workforce:
    """All workers of an agent: run, hand over, close."""

    def __init__(
        self,
        ticket: Ticket,
        place: Place,
        *,
        identities: dict[str, Identity],
        shares: Sequence[Share],
        grant: dict[str, Any],
    ) -> None:
        certified = {each["name"]: each["certificate"] for each in grant["workers"]}
        self._scheduler: str = grant["scheduler"]
        self._secure = {
            name: security(key=each.key, certificate=certified[name], authority=grant["ca"])
            for name, each in identities.items()
        }
        self._workers = [
            Supervised(name, self._maker(ticket, place, name, number, shares[number]))
            for number, name in enumerate(identities)
        ]

    async def run(self) -> None:
        """Keep all workers alive; returns when each of them was retired or closed."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.run())

    async def hand_over(self, *, limit_seconds: float) -> None:
        """Ask the scheduler to move all results to other workers, and to retire these."""
        from distributed.core import rpc

        names = list(self._secure)
        connection = next(iter(self._secure.values())).get_connection_args("worker")
        try:
            async with (
                asyncio.timeout(limit_seconds),
                rpc(self._scheduler, connection_args=connection) as scheduler,
            ):
                retired = await scheduler.retire_workers(
                    names=names, close_workers=True, remove=True
                )
            say(f"handed over: {len(retired)} of {len(names)} workers retired")
        except (OSError, TimeoutError) as error:
            words = str(error) or f"no answer within {limit_seconds:.0f} s"
            say(f"could not hand over: {words}; results held here are computed again")

    async def close(self, *, timeout_seconds: float) -> None:
        """End all worker processes now."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.close(timeout_seconds=timeout_seconds))

    def _maker(
        self, ticket: Ticket, place: Place, name: str, number: int, share: Share
    ) -> Callable[[], ContinuumNanny]:
        return lambda: _make_nanny(
            self._scheduler, ticket, place, name, number, share, self._secure[name]
        )


def _make_nanny(
    scheduler: str,
    ticket: Ticket,
    place: Place,
    name: str,
    number: int,
    share: Share,
    secure: Security,
) -> ContinuumNanny:
    from jupyter_continuum.worker.node import (
        ContinuumNanny,
        ContinuumWorker,
        worker_environment,
    )

    return ContinuumNanny(
        scheduler,
        name=name,
        # Without a host, distributed would look one up from the scheduler's address.
        host=f"{ticket.site}.{ticket.agent}",
        protocol="relay://",
        security=secure,
        nthreads=ticket.threads,
        memory_limit=ticket.memory_limit_bytes or "auto",
        local_directory=str(place.scratch),
        worker_class=ContinuumWorker,
        env=worker_environment(share.variable, share.devices),
        dashboard=False,
        pages=str(place.sockets / f"{ticket.agent}-{number}.pages"),
        node=place.node,
        device=",".join(share.devices),
    )
