"""A cluster's part on this machine: its hub, its scheduler, and the authority they trust."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.clusters import processes
from jupyter_continuum.broker.clusters.processes import ProcessId
from jupyter_continuum.cluster.authority import Authority
from jupyter_continuum.paths import socket_dir, write_private

LEAF_LIFE = timedelta(days=31)
"""Of scheduler and clients: a notebook that stays open over a weekend must not be locked out."""


class Home:
    """Starts both processes, and says which one died. They outlive the broker."""

    def __init__(
        self, cluster: str, id: str, folder: Path, authority: Authority, save: Callable[[], None]
    ) -> None:
        """``save`` is called as soon as a process is born."""
        self.hub: ProcessId | None = None
        self.scheduler: ProcessId | None = None
        self._cluster = cluster
        self._id = id
        self._folder = folder
        self._authority = authority
        self._save = save

    async def start(self, on_hub: Callable[[], None]) -> None:
        """Start hub, then scheduler; ``on_hub`` once the hub serves. ContinuumError, OSError."""
        broker = str(socket_dir() / "broker.sock")
        config = {"name": self._cluster, "cluster_id": self._id, "broker": broker}
        write_private(self._folder / "cluster.json", json.dumps(config).encode())
        await processes.start_hub(self._folder, self._hub_born)
        on_hub()
        name = f"{self._cluster}.scheduler"
        await processes.start_scheduler(
            self._folder, lambda csr: self.sign(csr, name), self._scheduler_born
        )

    def sign(self, csr: str, name: str) -> dict[str, str]:
        """A leaf for who runs on this machine. RelayError for what is no request."""
        leaf = self._authority.sign(csr, name=name, life=LEAF_LIFE, now=datetime.now(UTC))
        return {"certificate": leaf.decode(), "ca": self._authority.certificate.decode()}

    def to_disk(self) -> dict[str, Any]:
        return {
            "hub": asdict(self.hub) if self.hub else None,
            "scheduler": asdict(self.scheduler) if self.scheduler else None,
        }

    def from_disk(self, stored: dict[str, Any]) -> None:
        """Both processes, as an earlier broker left them."""
        self.hub = ProcessId(**stored["hub"]) if stored["hub"] else None
        self.scheduler = ProcessId(**stored["scheduler"]) if stored["scheduler"] else None

    def hub_lives(self) -> bool:
        return self.hub is not None and self.hub.alive

    def dead(self) -> str:
        """What has ended, in words; "" while both live."""
        scheduler_lives = self.scheduler is not None and self.scheduler.alive
        if not scheduler_lives:
            return "scheduler"
        return "" if self.hub_lives() else "hub"

    async def end_scheduler(self) -> None:
        if self.scheduler is not None:
            await processes.stop(self.scheduler)

    async def end_hub(self) -> None:
        if self.hub is not None:
            await processes.stop(self.hub)

    def _hub_born(self, process: ProcessId) -> None:
        self.hub = process
        self._save()

    def _scheduler_born(self, process: ProcessId) -> None:
        self.scheduler = process
        self._save()
