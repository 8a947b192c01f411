"""What the scheduler tells the broker: workers and tasks, once a second when they change."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.scheduler import Scheduler, WorkerState

from jupyter_continuum.cluster.gate import Gated

EVERY_SECONDS = 1.0
AT_LEAST_EVERY_SECONDS = 5.0
ANSWER_SECONDS = 10.0
RETRY_SECONDS = 2.0
MAX_LINE = 16 * 1024 * 1024
MEMORY_STEP = 4 * 2**20
"""Memory is told in steps of so many bytes, so that a worker at rest is not news."""
DEVICES_METRIC = "continuum_devices"
"""Under this name a worker's heartbeat tells of its devices (``worker.gauges``)."""
ENERGY_METRIC = "continuum_energy"
"""Under this name it tells what the counters of its node have counted (``worker.meter``)."""
GAUGE_STEPS = {
    "busy_percent": 5,
    "power_watts": 10,
    "memory_bytes": 16 * MEMORY_STEP,
    "memory_total_bytes": 1,
}
"""As with memory, of each device."""


logger = logging.getLogger(__name__)


class Report(SchedulerPlugin):
    """Reports to the broker's Unix socket; the scheduler never waits for it.

    The broker may answer with ``{"retire": [worker names], "relinked": [agents]}``; the way to
    those agents has changed.
    """

    name = "continuum-report"

    def __init__(self, *, cluster: str, broker: Path) -> None:
        self.cluster = cluster
        self.broker = broker
        self._scheduler: Scheduler | None = None
        self._task: asyncio.Task[None] | None = None
        self._done: Counter[str] = Counter()
        """Tasks done, by worker address."""
        self._done_before = 0
        """By workers that are gone."""
        self._retiring: set[asyncio.Task[Any]] = set()
        self._reachable = True

    async def start(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._task = asyncio.create_task(self._keep_telling())

    async def before_close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def transition(
        self, key: Any, start: str, finish: str, *args: Any, stimulus_id: str, **kwargs: Any
    ) -> None:
        if start == "processing" and finish in ("memory", "erred"):
            self._done[kwargs.get("worker") or ""] += 1

    def remove_worker(
        self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **kwargs: Any
    ) -> None:
        self._done_before += self._done.pop(worker, 0)

    def message(self) -> dict[str, Any]:
        """The state of the cluster now, as the broker's ``report`` takes it."""
        scheduler = self._scheduler
        assert scheduler is not None
        now = time.time()
        workers = [self._worker(worker, now) for worker in scheduler.workers.values()]
        running = sum(worker["processing"] for worker in workers)
        states = [prefix.states for prefix in scheduler.task_prefixes.values()]
        waiting = sum(each["waiting"] + each["queued"] + each["no-worker"] for each in states)
        return {
            "cluster": self.cluster,
            "workers": workers,
            "tasks": {
                "running": running,
                "done": self._done_before + sum(self._done.values()),
                "waiting": waiting,
            },
            "energy": _energy(scheduler.workers.values()),
            "clients": sorted(scheduler.client_leaves()) if isinstance(scheduler, Gated) else [],
        }

    def _worker(self, worker: WorkerState, now: float) -> dict[str, Any]:
        metrics = worker.metrics
        return {
            "name": str(worker.name),
            "address": worker.address,
            "site": worker.address.removeprefix("relay://").partition(".")[0],
            "status": worker.status.name,
            "nthreads": worker.nthreads,
            "memory": int(metrics.get("memory", 0)) // MEMORY_STEP * MEMORY_STEP,
            "memory_limit": worker.memory_limit or 0,
            "processing": len(worker.processing),
            "done": self._done[worker.address],
            "last_seen_seconds": max(0, round(now - worker.last_seen)),
            "host": str(worker.extra.get("node", worker.host)),
            "device": str(worker.extra.get("device", "")),
            "devices": [_gauge(each) for each in metrics.get(DEVICES_METRIC, ())],
            "pid": worker.pid,
            "unreachable_from": sorted(self._unreachable(worker.address)),
        }

    def _unreachable(self, worker: str) -> frozenset[str]:
        verification = getattr(self._scheduler, "verification", None)  # a stock one has none
        return verification.found.get(worker, frozenset()) if verification else frozenset()

    async def _keep_telling(self) -> None:
        while True:
            try:
                await self._tell_until_lost()
            except (OSError, ValueError, TimeoutError) as error:
                if self._reachable:
                    logger.warning("The broker does not take reports (%s); trying again.", error)
                self._reachable = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _tell_until_lost(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self.broker, limit=MAX_LINE)
        told: dict[str, Any] = {}
        told_at = 0.0
        number = 0
        try:
            while True:
                message = self.message()
                now = time.monotonic()
                if _news(message) != _news(told) or now - told_at >= AT_LEAST_EVERY_SECONDS:
                    told, told_at, number = message, now, number + 1
                    request = {"id": number, "method": "report", "params": message}
                    writer.write(json.dumps(request).encode() + b"\n")
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await writer.drain()
                        line = await reader.readline()
                    if not line:
                        raise ConnectionResetError("it hung up")
                    self._heed(json.loads(line))
                    self._reachable = True
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            writer.close()

    def _heed(self, answer: dict[str, Any]) -> None:
        found = answer.get("result")
        result = found if isinstance(found, dict) else {}
        scheduler = self._scheduler
        assert scheduler is not None
        if result.get("relinked") and (known_ways := getattr(scheduler, "verification", None)):
            known_ways.look_again(result["relinked"])
        known = [name for name in result.get("retire") or () if name in scheduler.aliases]
        if not known:
            return
        work = asyncio.create_task(
            scheduler.retire_workers(names=known, close_workers=True, remove=True)
        )
        self._retiring.add(work)
        work.add_done_callback(self._retired)

    def _retired(self, work: asyncio.Task[Any]) -> None:
        self._retiring.discard(work)
        if not work.cancelled() and (error := work.exception()):
            logger.warning("Workers could not be retired: %s", error)


def _gauge(told: dict[str, Any]) -> dict[str, Any]:
    """A device of a worker, in steps."""
    numbers = {name: _in_steps(told.get(name), step) for name, step in GAUGE_STEPS.items()}
    return {"device": told.get("device", ""), "model": told.get("model", "")} | numbers


def _energy(workers: Iterable[WorkerState]) -> dict[str, Any]:
    """What one worker of each agent tells: all of them tell of the same counters."""
    found: dict[str, Any] = {}
    for worker in workers:
        if told := worker.metrics.get(ENERGY_METRIC):
            found[str(worker.name).rpartition("-")[0]] = told
    return found


def _in_steps(value: float | None, step: int) -> int | None:
    return None if value is None or not math.isfinite(value) else round(value / step) * step


def _news(message: dict[str, Any]) -> dict[str, Any]:
    """``message`` without what changes each second though nothing happens."""
    workers = [
        {key: value for key, value in worker.items() if key != "last_seen_seconds"}
        for worker in message.get("workers", ())
    ]
    return message | {"workers": workers, "energy": {}}
