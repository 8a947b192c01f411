"""The workers of one agent, made from what its cluster granted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.cluster.log import say
from jupyter_continuum.cluster.security import Identity, security
from jupyter_continuum.worker.forking import Zygote
from jupyter_continuum.worker.supervise import Supervised
from jupyter_continuum.worker.ticket import Ticket

if TYPE_CHECKING:
    from distributed import Security

    from jupyter_continuum.worker.node import ContinuumNanny

ASK_AGAIN_SECONDS = 0.2
WARM_UP = "jupyter_continuum.analysis.warm"
"""By name, and for workers with a device alone: it lies above this room, and imports arrays."""


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
        zygote: Zygote,
        metered: str = "",
    ) -> None:
        """``metered`` is the file in which the agent's meter tells of its counters."""
        certified = {each["name"]: each["certificate"] for each in grant["workers"]}
        self._scheduler: str = grant["scheduler"]
        self._zygote = zygote
        self._metered = metered
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
        """Ask the scheduler to move all results to other workers, and to retire these.

        It refuses while no other worker can take a result, so it is asked again: one may be
        joining, or be about to be reached.
        """
        left = set(self._secure)
        why = f"no answer within {limit_seconds:.0f} s"
        try:
            async with asyncio.timeout(limit_seconds), self._dial_scheduler() as scheduler:
                while True:
                    retired = await scheduler.retire_workers(
                        names=[*left], close_workers=True, remove=True
                    )
                    left -= {each["name"] for each in retired.values()}
                    if not await self._hold_results(scheduler, left):
                        break
                    why = "no other worker can take them"
                    await asyncio.sleep(ASK_AGAIN_SECONDS)
        except (OSError, TimeoutError) as error:
            words = str(error) or why
            say(f"could not hand over: {words}; results held here are computed again")
            return
        say(f"handed over: {len(self._secure) - len(left)} of {len(self._secure)} workers retired")

    def _dial_scheduler(self) -> Any:  # distributed's rpc, which is not typed
        from distributed.core import rpc

        connection = next(iter(self._secure.values())).get_connection_args("worker")
        return rpc(self._scheduler, connection_args=connection)

    async def _hold_results(self, scheduler: Any, names: Collection[str]) -> bool:
        addresses = [each.address for each in self._workers if each.name in names and each.address]
        return bool(addresses) and any((await scheduler.has_what(workers=addresses)).values())

    async def close(self, *, timeout_seconds: float) -> None:
        """End all worker processes now."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.close(timeout_seconds=timeout_seconds))

    def _maker(
        self, ticket: Ticket, place: Place, name: str, number: int, share: Share
    ) -> Callable[[], ContinuumNanny]:
        return lambda: _make_nanny(
            self._scheduler,
            ticket,
            place,
            name,
            number,
            share,
            self._secure[name],
            self._zygote,
            self._metered,
        )


def _make_nanny(
    scheduler: str,
    ticket: Ticket,
    place: Place,
    name: str,
    number: int,
    share: Share,
    secure: Security,
    zygote: Zygote,
    metered: str,
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
        preload=preloads(share.devices),
        zygote=zygote,
        dashboard=False,
        pages=str(place.sockets / f"{ticket.agent}-{number}.pages"),
        node=place.node,
        cluster=ticket.cluster_id,
        device=",".join(share.devices),
        metered=metered,
    )


def preloads(devices: Sequence[str]) -> list[str] | None:
    """What Dask imports in a worker as it starts; None is what its configuration says."""
    if not devices:
        return None
    import dask

    return [*dask.config.get("distributed.worker.preload"), WARM_UP]
