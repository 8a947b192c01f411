"""Kernels at a site, as the sweep sees them: one task a run, on a worker that has room for it."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.selection import CLUSTER_VARIABLE
from jupyter_continuum.broker.waiting import wait_for_workers
from jupyter_continuum.errors import ContinuumError, RunError
from jupyter_continuum.runs.lending import Others, Tell
from jupyter_continuum.runs.notebook import read_notebook
from jupyter_continuum.runs.sweep import on_node
from jupyter_continuum.runs.sweep.folder import Folder, write_in_one_step
from jupyter_continuum.runs.sweep.location import groups_at
from jupyter_continuum.runs.sweep.order import Ended, Order
from jupyter_continuum.runs.sweep.parcel import died, opened
from jupyter_continuum.table import cell, clean

if TYPE_CHECKING:
    from distributed import Client, Future

LOOK_SECONDS = 1.0
"""So often the broker is asked which workers there are."""
END_SECONDS = 30
"""So long workers may take to say that no kernel is left; those that do not are cut off."""
GONE = ("ended", "failed", "lost")


@dataclass(slots=True)
class Running:
    worker: str
    """Its address."""
    future: Future[Any]


class AtSite:
    """Ends with its context: no kernel is left at the site then."""

    def __init__(
        self,
        at: str,
        cluster: str,
        folder: Folder,
        modules: Sequence[str],
        *,
        tell: Tell,
        others: Others | None,
    ) -> None:
        self.site = at.partition("/")[0]
        self._at, self._cluster, self._folder = at, cluster, folder
        self._tell, self._others = tell, others
        self._sheet = on_node.Sheet(
            sweep=f"sweep-{secrets.token_hex(6)}",
            notebook=_without_outputs(folder),
            modules=tuple(modules),
            cluster_variable=(CLUSTER_VARIABLE, cluster),
        )
        self._ready: dict[str, int] = {}
        """Threads of each worker that takes runs, by address."""
        self._alive: set[str] = set()
        """Workers that may still end a run."""
        self._running: dict[int, Running] = {}
        self._attempts = 0
        self._answers: SimpleQueue[tuple[int, Future[Any], Any]] = SimpleQueue()
        self._due = 0.0
        self._stack = ExitStack()
        self._client: Client

    def __enter__(self) -> Self:
        from jupyter_continuum.cluster.attach import Attachment, open_client
        from jupyter_continuum.cluster.security import make_identity

        identity = make_identity(f"sweep on {self._cluster}")
        answer = call_broker("attach", name=self._cluster, csr=identity.request)
        attachment = Attachment.from_answer(answer)
        self._client = self._stack.enter_context(
            open_client(attachment, identity, set_as_default=False)
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._end()
        finally:
            self._stack.close()

    def slots(self) -> int:
        return sum(self._ready.values())

    def wait_until_ready(self) -> None:
        """Return when there is a worker that can run them. RunError when it lacks a package."""
        self._look()
        found = self._client.run(on_node.lacking, workers=list(self._ready))
        if missing := sorted({name for names in found.values() for name in names}):
            words = " ".join(f"--with {name}" for name in on_node.NEEDED)
            raise RunError(
                f"{self.site}: the worker environment has no {' and no '.join(missing)}, which "
                f"kernels there need. `jupyter continuum prepare {self.site} {words}` builds one "
                "that has them, for clusters that are launched then."
            )

    def run(self, order: Order) -> None:
        number = order["number"]
        taken = [each.worker for each in self._running.values()]
        worker = min(self._ready, key=lambda each: taken.count(each) - self._ready[each])
        self._attempts += 1
        future = self._client.submit(
            on_node.perform,
            self._sheet,
            number,
            order["parameters"],
            key=f"{self._sheet.sweep}-{number}-{self._attempts}",
            workers=[worker],
            pure=False,
        )
        self._running[number] = Running(worker, future)
        loop: Any = self._client.loop  # Tornado's
        loop.add_callback(self._hear, number, future)

    async def _hear(self, number: int, future: Future[Any]) -> None:
        try:
            answer = await self._client.gather(future, asynchronous=True)
        except (Exception, asyncio.CancelledError) as error:  # of the task, or of the cluster
            answer = error
        self._answers.put((number, future, answer))

    def ended(self, seconds: float) -> tuple[int, Ended] | None:
        if time.monotonic() >= self._due:
            self._look()
        if (number := self._lost()) is not None:
            self._running.pop(number).future.cancel()
            return number, died(
                f"The worker at {self.site} that had this run was lost, and its notebook with it."
            )
        try:
            number, future, answer = self._answers.get(timeout=seconds)
        except Empty:
            return None
        running = self._running.get(number)
        if running is None or running.future is not future:
            return None  # it was given up
        del self._running[number]
        future.release()
        if isinstance(answer, BaseException):
            return number, died(f"At {self.site}: {cell(answer)[:300] or type(answer).__name__}")
        return number, self._unpack(number, answer)

    def _lost(self) -> int | None:
        """A run whose worker is no more."""
        lost = (each for each in self._running if self._running[each].worker not in self._alive)
        return next(lost, None)

    def again(self) -> None:
        """Nothing: the site's own warm processes are started again there."""

    def _unpack(self, number: int, answer: Any) -> Ended:
        try:
            parcel = opened(answer)
        except ValueError as error:
            return died(f"What came back from {self.site} is not what a run leaves: {error}.")
        if parcel.log:
            with self._folder.log.open("a", encoding="utf-8") as log:
                log.write(clean(parcel.log))
        if parcel.notebook:
            write_in_one_step(self._folder.notebook(number), parcel.notebook)
        return parcel.ended

    def _look(self) -> None:
        """Which workers there are; waits when there are none, and nothing is under way.

        RunError when none can come any more.
        """
        while True:
            self._due = time.monotonic() + LOOK_SECONDS
            groups = groups_at(self._at, call_broker("cluster", name=self._cluster)["groups"])
            workers = [each for group in groups for each in group["workers"] if each["address"]]
            self._alive = {each["address"] for each in workers if each["state"] not in GONE}
            self._ready = {
                each["address"]: each["threads"] or 1
                for each in workers
                if each["state"] == "ready"
            }
            if self._ready or self._running:
                return
            names = [group["name"] for group in groups]
            try:
                wait_for_workers(
                    self._cluster, 1, among=names, tell=self._tell, others=self._others
                )
            except ContinuumError as error:
                raise RunError(
                    f"{self._at} is lost to this sweep: {error} What has ended is kept, and the "
                    "same command runs what is missing on a cluster that has workers there."
                ) from error

    def _end(self) -> None:
        for running in self._running.values():
            running.future.cancel()
        alive = list(self._alive)
        if not alive:
            return
        # One that is lost meanwhile has ended them already.
        with suppress(TimeoutError, OSError):
            self._client.sync(
                self._client._run,
                on_node.end,
                self._sheet.sweep,
                workers=alive,
                on_error="ignore",
                callback_timeout=END_SECONDS,
            )


def _without_outputs(folder: Folder) -> str:
    """The notebook as it travels: what an earlier run of it printed stays here."""
    notebook = json.loads(json.dumps(read_notebook(folder.source)))
    for each in notebook["cells"]:
        if each["cell_type"] == "code":
            each["outputs"], each["execution_count"] = [], None
    return json.dumps(notebook)
