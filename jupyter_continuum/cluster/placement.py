"""Where tasks run, and where workers look for data: never across a gap (see ``reachability``)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from distributed import Scheduler
from distributed.core import Status
from distributed.scheduler import TaskState, WorkerState

from jupyter_continuum.cluster.reachability import Gaps
from jupyter_continuum.relay.address import HOME


class GapScheduler(Scheduler):
    """Gives a worker no task whose data lies across a gap."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # whatever Scheduler takes
        self.gaps = Gaps()
        """What workers are not known to reach."""
        self._held: dict[str, str] = {}
        """The status that workers say they have, of those that we cannot reach."""
        super().__init__(*args, **kwargs)

    def set_gaps(self, worker: str, sites: frozenset[str], *, leave_running: bool = True) -> None:
        """``worker`` reaches all sites but these; without HOME among its ways it gets nothing.

        Tasks that wait for data across a new gap are taken back, and unless ``leave_running``
        all that a worker was given that the scheduler cannot reach.
        """
        before = self.gaps.of(worker)
        self.gaps.put(worker, sites)
        ws = self.workers.get(worker)
        if ws is None or sites == before:
            return
        stimulus_id = f"gaps-{time.time()}"
        if HOME in sites - before:
            self._held[worker] = ws.status.name
            if ws.status == Status.running:
                super().handle_worker_status_change("paused", ws, stimulus_id)
        if HOME in before - sites:
            status = self._held.pop(worker, "paused")
            if ws.status == Status.paused:
                super().handle_worker_status_change(status, ws, stimulus_id)
        if sites - before:
            everything = HOME in sites and not leave_running
            self._take_back(ws, stimulus_id, everything=everything)
        if before - sites:
            self._reconsider(stimulus_id)

    def forget_gaps(self, worker: str) -> None:
        """``worker`` has left."""
        self.gaps.put(worker, frozenset())
        self._held.pop(worker, None)

    def barred_from(self, results: Iterable[TaskState]) -> set[WorkerState]:
        """The workers that cannot get at one of ``results``."""
        if not self.gaps:
            return set()
        found = self.gaps.barred(_holders(results), self.workers)
        return {self.workers[address] for address in found}

    def valid_workers(self, ts: TaskState) -> set[WorkerState] | None:
        valid: set[WorkerState] | None = super().valid_workers(ts)
        if not self.gaps or not (barred := self.barred_from(ts.dependencies)):
            return valid
        able = self.running - barred
        if valid is None:
            return able
        return (valid - barred) or (able if ts.loose_restrictions else set())

    def _add_to_processing(self, ts: TaskState, ws: WorkerState, stimulus_id: str) -> Any:
        """Every placement comes by here; those of root tasks look at no data."""
        if self.gaps and not self._may_take(ws, ts):
            other = self.decide_worker_non_rootish(ts)
            if other is None or not self._may_take(other, ts):
                return self._not_now(ts)
            ws = other
        return super()._add_to_processing(ts, ws, stimulus_id=stimulus_id)

    def _may_take(self, ws: WorkerState, ts: TaskState) -> bool:
        return self.gaps.may_take(ws.address, _holders(ts.dependencies))

    def _not_now(self, ts: TaskState) -> Any:
        """Nobody gets at all that ``ts`` needs: it waits as a task without a worker."""
        if ts.state == "queued":
            self.queued.add(ts)  # its caller has taken it out already
            return {ts.key: "released"}, {}, {}
        if ts.state == "no-worker":
            self.unrunnable[ts] = time.monotonic()
            return {}, {}, {}
        return {ts.key: "no-worker"}, {}, {}

    def _task_to_msg(self, ts: TaskState) -> dict[str, Any]:
        message: dict[str, Any] = super()._task_to_msg(ts)
        if self.gaps and ts.processing_on is not None:
            message["who_has"] = self._within_reach(ts.processing_on.address, message["who_has"])
        return message

    def handle_request_refresh_who_has(
        self, keys: Iterable[Any], worker: str, stimulus_id: str
    ) -> None:
        if not self.gaps:
            super().handle_request_refresh_who_has(keys, worker, stimulus_id)
            return
        asked = list(keys)
        known = [key for key in asked if key in self.tasks]
        super().handle_request_refresh_who_has({*asked} - {*known}, worker, stimulus_id)
        holders = {key: [ws.address for ws in self.tasks[key].who_has or ()] for key in known}
        if known:
            who_has = self._within_reach(worker, holders)
            message = {"op": "refresh-who-has", "who_has": who_has, "stimulus_id": stimulus_id}
            self.stream_comms[worker].send(message)

    def request_acquire_replicas(self, addr: str, keys: Iterable[Any], *, stimulus_id: str) -> None:
        if not self.gaps:
            super().request_acquire_replicas(addr, keys, stimulus_id=stimulus_id)
            return
        tasks = [self.tasks[key] for key in keys]
        holders = {ts.key: [ws.address for ws in ts.who_has or ()] for ts in tasks}
        message = {
            "op": "acquire-replicas",
            "who_has": self._within_reach(addr, holders),
            "nbytes": {ts.key: ts.nbytes for ts in tasks},
            "stimulus_id": stimulus_id,
        }
        self.stream_comms[addr].send(message)

    async def gather_on_worker(
        self, worker_address: str, who_has: dict[Any, list[str]]
    ) -> set[Any]:
        near = self._within_reach(worker_address, who_has) if self.gaps else who_has
        failed = {key for key, holders in near.items() if not holders}
        if rest := {key: [*holders] for key, holders in near.items() if holders}:
            failed |= await super().gather_on_worker(worker_address, rest)
        return failed

    def handle_worker_status_change(
        self, status: str | Status, worker: str | WorkerState, stimulus_id: str
    ) -> None:
        address = worker if isinstance(worker, str) else worker.address
        name = status if isinstance(status, str) else status.name
        if address in self._held and name in ("running", "paused"):
            self._held[address] = name
            return
        super().handle_worker_status_change(status, worker, stimulus_id)

    def _within_reach(self, worker: str, who_has: dict[Any, Any]) -> dict[Any, tuple[str, ...]]:
        return {
            key: tuple(each for each in holders if self.gaps.usable(worker, each))
            for key, holders in who_has.items()
        }

    def _take_back(self, ws: WorkerState, stimulus_id: str, *, everything: bool) -> None:
        waiting = {ts for result in ws.has_what for ts in result.waiters or ()}
        for ts in [*ws.processing, *(waiting - ws.processing)]:
            at = ts.processing_on
            if at and ((everything and at is ws) or not self._may_take(at, ts)):
                self._reschedule(ts.key, stimulus_id=stimulus_id)

    def _reconsider(self, stimulus_id: str) -> None:
        """There are more ways than before: tasks that had no worker may have one."""
        waiting = sorted(self.unrunnable, key=lambda ts: ts.priority or (), reverse=True)
        self.transitions({ts.key: "processing" for ts in waiting}, stimulus_id)
        self.stimulus_queue_slots_maybe_opened(stimulus_id=stimulus_id)


def _holders(results: Iterable[TaskState]) -> list[set[str]]:
    return [{ws.address for ws in each.who_has} for each in results if each.who_has]
