"""The start of a cluster: its processes come up, and are watched from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from jupyter_continuum.broker.clusters.ending import cancel
from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.home import Home
from jupyter_continuum.broker.clusters.reports import WorkerReport
from jupyter_continuum.errors import BrokerError, ContinuumError


class Startable(Protocol):
    """What a start needs of its cluster."""

    name: str
    groups: dict[str, Group]
    home: Home
    workers: dict[str, WorkerReport]

    def become(self, state: str, reason: str) -> None: ...
    def save_later(self) -> None: ...


class Starting:
    """Brings hub and scheduler up, or takes them up as an earlier broker left them."""

    def __init__(
        self, cluster: Startable, *, on_hub: Callable[[], None], on_scheduler: Callable[[], None]
    ) -> None:
        """Called as soon as it serves. ``on_scheduler`` may raise OSError."""
        self._cluster = cluster
        self._on_hub = on_hub
        self._on_scheduler = on_scheduler
        self._settled = asyncio.Event()
        """The scheduler runs, or never will."""
        self._start: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """One task, so that a stop in the middle of it leaves no process behind.

        Raises ContinuumError.
        """
        name = self._cluster.name
        task = self._start = asyncio.create_task(self._start_processes(), name=f"start {name}")
        await asyncio.wait([task])
        if task.cancelled():
            raise BrokerError(f"{name} was stopped while it started.")
        task.result()

    def start_anew(self) -> None:
        """That broker died in the middle of the launch; nobody has joined yet."""
        self._start = asyncio.create_task(self._start_anew())

    def take_up(self) -> None:
        """Both processes were left running, or have died meanwhile."""
        if dead := self._cluster.home.dead():
            self._lost(dead)
        else:
            self._on_hub()
            self._running()

    async def until_settled(self) -> None:
        """Until the scheduler runs, or never will."""
        await self._settled.wait()

    async def close(self) -> None:
        """Start and watch nothing any more. The processes go on."""
        await cancel(self._start, self._watch)
        self._settled.set()

    async def _start_anew(self) -> None:
        await self._cluster.home.end_scheduler()
        await self._cluster.home.end_hub()
        try:
            await self.start()
        except ContinuumError:
            return  # the cluster's state and reason say it

    async def _start_processes(self) -> None:
        cluster = self._cluster
        try:
            await cluster.home.start(self._on_hub)
            self._on_scheduler()
        except (ContinuumError, OSError) as error:
            said = str(error)
            if isinstance(error, OSError):
                said = f"{cluster.name} could not be started on this machine: {error}."
            self._settled.set()
            cluster.become("failed", said)
            for group in cluster.groups.values():
                group.scale(0)
            raise BrokerError(said) from error
        self._running()

    def _running(self) -> None:
        self._cluster.become("running", "")
        self._settled.set()
        name = f"watch {self._cluster.name}"
        self._watch = asyncio.create_task(self._watch_processes(), name=name)
        self._cluster.save_later()

    async def _watch_processes(self) -> None:
        """Say it when hub or scheduler die: results are gone then."""
        while not (dead := self._cluster.home.dead()):
            await asyncio.sleep(1)
        self._lost(dead)

    def _lost(self, what: str) -> None:
        cluster = self._cluster
        self._settled.set()
        cluster.become(
            "failed", f"Its {what} has ended, and with it all results. Stop it and launch again."
        )
        cluster.workers.clear()
        for group in cluster.groups.values():
            group.scale(0)
        cluster.save_later()
