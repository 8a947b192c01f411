"""What a worker does for runs whose kernels are at its site: it has them forked.

There is one warm process for each worker, so a run has the worker's devices and what memory its
job has left. All of it ends with the sweep, with the worker, or when nothing was run for a while.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypedDict

from jupyter_continuum.cluster.way import WAY_VARIABLE, write_way
from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.sweep.order import Ended, Order
from jupyter_continuum.runs.sweep.warm import Lost, Warm

NEEDED = ("ipykernel", "papermill")
MOST_BYTES = 64 * 2**20
"""Of what comes back of a run: its notebook, and what it recorded."""
LOG_BYTES = 2**16
"""Of what kernels printed past their notebooks, the last of it, with each run."""
LOOK_SECONDS = 0.5
IDLE_SECONDS = 60
"""After so long without a run, a warm process ends: its sweep may have been killed."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The same for all runs of a sweep."""

    sweep: str
    notebook: str
    modules: tuple[str, ...]
    cluster_variable: tuple[str, str]


class Parcel(TypedDict):
    """What comes back of one run."""

    ended: str
    """As JSON."""
    notebook: str
    """"" when there is none."""
    log: str


def lacking() -> list[str]:
    """What this environment has to have for a kernel, and does not have."""
    return [name for name in NEEDED if find_spec(name) is None]


def perform(sheet: Sheet, number: int, parameters: dict[str, Any]) -> Parcel:
    """One run, as a task."""
    from distributed import get_worker, secede

    worker = get_worker()
    key = worker.get_current_task()
    secede()  # tasks of the notebook may run here meanwhile; the sweep bounds the runs

    def is_wanted() -> bool:
        state = worker.state.tasks.get(key)
        return state is not None and state.state in ("executing", "long-running")

    return _node_for(sheet, worker).run(number, parameters, is_wanted)


async def end(sweep: str) -> None:
    """End what this worker has for that sweep; returns when no process of it is left."""
    await asyncio.to_thread(_end, sweep)


def _end(sweep: str) -> None:
    with _LOCK:
        node = _NODES.pop(sweep, None)
    if node is not None:
        node.end()


_NODES: dict[str, _Node] = {}
"""Of this worker, by sweep."""
_LOCK = threading.Lock()


def _node_for(sheet: Sheet, worker: Any) -> _Node:
    with _LOCK:
        if sheet.sweep not in _NODES:
            _NODES[sheet.sweep] = _Node(sheet, worker)
        return _NODES[sheet.sweep]


class _Node:
    """One sweep in this worker."""

    def __init__(self, sheet: Sheet, worker: Any) -> None:
        self._sheet, self._worker = sheet, worker
        self._folder = Path(tempfile.mkdtemp(prefix="sweep-", dir=worker.local_directory))
        self._source = self._folder / "source.ipynb"
        self._source.write_text(sheet.notebook, encoding="utf-8")
        self._log = self._folder / "kernels.log"
        self._log.touch()
        self._told = 0
        """Bytes of the log."""
        self._server: _Server | None = None
        self._lock = threading.Lock()
        self._ended = False

    def run(self, number: int, parameters: dict[str, Any], is_wanted: Callable[[], bool]) -> Parcel:
        output = self._folder / f"{number}.ipynb"
        with self._lock:
            if self._ended:
                return _NOTHING
            server = self._serving()
            waiting = server.start(self._order(number, parameters, output, server.sockets))
        while is_wanted():
            if wait([waiting], LOOK_SECONDS).done:
                return self._parcel(waiting.result(), output)
        # All runs of a sweep are given up at once: when it ends, and when it was killed.
        _end(self._sheet.sweep)
        return _NOTHING

    def end(self) -> None:
        with self._lock:
            self._ended = True
            if self._server is not None:
                self._server.end()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _serving(self) -> _Server:
        if self._server is None or self._server.gone:
            import dask

            # Short enough for the path of a socket, and this person's alone.
            short = dask.config.get("continuum.relay.direct-dir")
            sockets = Path(tempfile.mkdtemp(prefix="sw-", dir=short))
            modules = [
                name
                for name in self._sheet.modules
                if find_spec(name.partition(".")[0]) is not None
            ]
            self._server = _Server(modules, sockets, self._log)
            write_way(sockets / "way.json", self._worker)
        return self._server

    def _order(self, number: int, parameters: dict[str, Any], output: Path, sockets: Path) -> Order:
        variable, name = self._sheet.cluster_variable
        return Order(
            number=number,
            notebook=str(self._source),
            output=str(output),
            parameters=parameters,
            kernel="python3",
            language="python",
            cwd=os.getcwd(),
            forked=True,
            native=True,
            sockets=str(sockets),
            env={
                variable: name,
                WAY_VARIABLE: str(sockets / "way.json"),
                # A history on a file system that all nodes share would have them wait for locks.
                "IPYTHONDIR": str(self._folder / "ipython"),
            },
        )

    def _parcel(self, ended: Ended, output: Path) -> Parcel:
        notebook = ""
        size = output.stat().st_size if output.exists() else 0
        if size <= MOST_BYTES and size:
            notebook = output.read_text(encoding="utf-8", errors="replace")
        output.unlink(missing_ok=True)
        text = json.dumps(ended)
        if size + len(text) > MOST_BYTES:
            notebook = ""
            text = json.dumps(_too_large(ended, size + len(text)))
        return Parcel(ended=text, notebook=notebook, log=self._news())

    def _news(self) -> str:
        """What was printed since this was asked for last."""
        with self._lock, self._log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._told, size - LOG_BYTES))
            self._told = size
            return log.read(LOG_BYTES).decode(errors="replace")


class _Server:
    """A warm process, and the thread that hears what it says."""

    def __init__(self, modules: list[str], sockets: Path, log: Path) -> None:
        self.sockets = sockets
        self._warm = Warm(modules, [], sockets=sockets, log=log)
        try:
            self._warm.wait_until_ready()
        except RunError as error:
            said = " ".join(log.read_text(errors="replace").split())[-300:]
            raise RunError(f"Kernels cannot be forked on {os.uname().nodename}: {said}") from error
        self.gone = False
        self._waiting: dict[int, Future[Ended]] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="sweep", daemon=True)
        self._thread.start()

    def start(self, order: Order) -> Future[Ended]:
        waiting: Future[Ended] = Future()
        with self._lock:
            if self.gone:
                waiting.set_result(_LOST)
                return waiting
            self._waiting[order["number"]] = waiting
            with suppress(Lost):  # which the thread hears, too
                self._warm.run(order)
        return waiting

    def end(self) -> None:
        self._ending.set()
        self._thread.join()

    def _listen(self) -> None:
        last = time.monotonic()
        with suppress(Lost):
            while not self._ending.is_set():
                if (found := self._warm.ended(LOOK_SECONDS)) is not None:
                    number, ended = found
                    self._waiting.pop(number).set_result(ended)
                if self._waiting:
                    last = time.monotonic()
                elif time.monotonic() - last > IDLE_SECONDS and self._retire():
                    break
        with self._lock:
            self.gone = True
        self._warm.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)
        for waiting in self._waiting.values():
            waiting.set_result(_LOST)

    def _retire(self) -> bool:
        """Take no more runs; False when one has come after all."""
        with self._lock:
            self.gone = not self._waiting
            return self.gone


_NOTHING: Parcel = {"ended": "", "notebook": "", "log": ""}
"""Of a run that nobody waits for any more."""
_LOST: Ended = {
    "state": "died",
    "error": "The process that runs are forked from has ended; memory may have run out.",
    "outputs": {},
    "seconds": 0,
}


def _too_large(ended: Ended, size: int) -> Ended:
    error = (
        f"Its notebook and what it recorded have {size / 1e6:.0f} MB, and more than "
        f"{MOST_BYTES / 1e6:.0f} MB do not come back. Write large results to a file at the site."
    )
    return Ended(state="failed", error=error, outputs={}, seconds=ended["seconds"])
