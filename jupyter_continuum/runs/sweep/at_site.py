"""Kernels at a site, as the sweep sees them: one task a run, on a worker that has room for it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.runs.sweep import on_node
from jupyter_continuum.runs.sweep.folder import Folder, write_in_one_step
from jupyter_continuum.runs.sweep.node import Sheet
from jupyter_continuum.runs.sweep.order import Ended, Order, died
from jupyter_continuum.runs.sweep.parcel import notebooks, opened
from jupyter_continuum.runs.sweep.site_workers import SiteWorkers
from jupyter_continuum.table import cell, clean

if TYPE_CHECKING:
    from distributed import Client, Future

PARTIAL_SECONDS = 5.0
"""So often what there is of notebooks under way comes back."""
END_SECONDS = 30
"""So long workers may take to say that no kernel is left; those that do not are cut off."""
Heard = Callable[[], tuple[int, Ended] | None]
"""What somebody at the site said, to be taken in by the sweep's own thread."""


@dataclass(slots=True)
class Running:
    worker: str
    """Its address."""
    name: str
    """What the broker calls it."""
    future: Future[Any]


class AtSite:
    """Ends with its context: no kernel is left at the site then."""

    def __init__(self, workers: SiteWorkers, sheet: Sheet, folder: Folder) -> None:
        self.site = workers.site
        self._workers, self._sheet, self._folder = workers, sheet, folder
        self._running: dict[int, Running] = {}
        self._attempts = 0
        self._heard: SimpleQueue[Heard] = SimpleQueue()
        self._partials_due = 0.0
        self._asking = False
        """Whether notebooks are on their way."""
        self._stack = ExitStack()
        self._client: Client

    def __enter__(self) -> Self:
        from jupyter_continuum.cluster.attach import Attachment, open_client
        from jupyter_continuum.cluster.security import make_identity

        identity = make_identity(f"sweep on {self._workers.cluster}")
        answer = call_broker(
            "attach",
            name=self._workers.cluster,
            csr=identity.request,
            who=f"sweep, process {os.getpid()}",
        )
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
        return sum(self._workers.fit.values())

    def wait_until_ready(self) -> None:
        while not self.slots():
            self.ended(self._workers.look_seconds)

    def run(self, order: Order) -> None:
        number = order["number"]
        taken = [each.worker for each in self._running.values()]
        fit = self._workers.fit
        worker = min(fit, key=lambda each: taken.count(each) - fit[each])
        self._attempts += 1
        future = self._client.submit(
            on_node.perform,
            self._sheet.sweep,
            number,
            order["parameters"],
            key=f"{self._sheet.sweep}-{number}-{self._attempts}",
            workers=[worker],
            pure=False,
        )
        self._running[number] = Running(worker, self._workers.names[worker], future)
        self._call(self._hear, number, future)

    def ended(self, seconds: float) -> tuple[int, Ended] | None:
        if self._workers.are_due():
            self._look()
        if (number := self._lost()) is not None:
            running = self._running.pop(number)
            running.future.cancel()
            why = self._workers.why(running.name)
            return number, died(f"The worker at {self.site} that had this run was lost: {why}.")
        try:
            heard = self._heard.get(timeout=seconds)
        except Empty:
            return None
        return heard()

    def again(self) -> None:
        """Nothing: the site's own warm processes are started again there."""

    def _lost(self) -> int | None:
        """A run whose worker is no more."""
        alive = self._workers.alive
        return next(
            (each for each in self._running if self._running[each].worker not in alive), None
        )

    def _look(self) -> None:
        """Who is there; whoever is new is brought what runs need."""
        for worker in self._workers.look(busy=bool(self._running)):
            self._call(self._bring, worker)
        if self._running and not self._asking and time.monotonic() >= self._partials_due:
            self._asking = True
            self._call(self._ask, {each.worker for each in self._running.values()})

    def _call(self, coroutine: Callable[..., Any], *arguments: Any) -> None:
        """Have it run where the client does; what it hears comes by ``self._heard``."""
        loop: Any = self._client.loop  # Tornado's
        loop.add_callback(coroutine, *arguments)

    async def _at(self, function: Callable[..., Any], what: Any, workers: Iterable[str]) -> Any:
        """What each of them answers, which may be an exception; nothing of those that are lost."""
        try:
            answers = await self._client._run(
                function, what, workers=list(workers), on_error="return"
            )
        except OSError:
            return {}  # the broker says what became of them
        return {each: answers[each] for each in answers if not isinstance(answers[each], OSError)}

    async def _bring(self, worker: str) -> None:
        answers = await self._at(on_node.bring, self._sheet, [worker])
        self._heard.put(partial(self._workers.take, worker, answers.get(worker)))

    async def _hear(self, number: int, future: Future[Any]) -> None:
        try:
            answer = await self._client.gather(future, asynchronous=True)
        except (Exception, asyncio.CancelledError) as error:  # of the task, or of the cluster
            answer = error
        self._heard.put(partial(self._take, number, future, answer))

    async def _ask(self, workers: set[str]) -> None:
        answers = await self._at(on_node.changed, self._sheet.sweep, workers)
        self._heard.put(partial(self._keep, answers))

    def _keep(self, answers: dict[str, Any]) -> None:
        """What there is of the notebooks of runs under way, by worker."""
        for worker, answer in answers.items():
            for number, text in notebooks(answer).items():
                if number in self._running and self._running[number].worker == worker:
                    write_in_one_step(self._folder.notebook(number), text)
        self._asking, self._partials_due = False, time.monotonic() + PARTIAL_SECONDS

    def _take(self, number: int, future: Future[Any], answer: Any) -> tuple[int, Ended] | None:
        running = self._running.get(number)
        if running is None or running.future is not future:
            return None  # it was given up
        del self._running[number]
        future.release()
        if isinstance(answer, BaseException):
            return number, died(f"At {self.site}: {cell(answer)[:300] or type(answer).__name__}")
        if answer is None:
            self._workers.forget(running.worker)
            return number, died(f"The worker at {self.site} that had this run began anew.")
        return number, self._unpack(number, answer)

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

    def _end(self) -> None:
        if self._workers.alive:
            # One that is lost meanwhile has ended them already.
            with suppress(TimeoutError, OSError):
                answers = self._client.sync(
                    self._at,
                    on_node.end,
                    self._sheet.sweep,
                    self._workers.alive,
                    callback_timeout=END_SECONDS,
                )
                self._keep(answers)
        for running in self._running.values():
            running.future.cancel()
