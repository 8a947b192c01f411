"""One sweep in one worker: its files there, and its runs, which are forked from one warm process.

So a run has the worker's devices and what memory its job has left.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypedDict

from jupyter_continuum.cluster import code, packages
from jupyter_continuum.cluster.way import WAY_VARIABLE, write_way
from jupyter_continuum.runs.sweep.beside import unpack
from jupyter_continuum.runs.sweep.listening import Listening
from jupyter_continuum.runs.sweep.order import Ended, Order

MOST_BYTES = 64 * 2**20
"""Of what comes back of a run: its notebook, and what it recorded."""
PARTIAL_BYTES = 4 * 2**20
"""Of a notebook that comes back while its run goes on."""
LOG_BYTES = 2**16
"""Of what kernels printed past their notebooks, the last of it, with each run."""
LOOK_SECONDS = 0.5
TRIAL_SECONDS = 180
TRIAL = {
    "cells": [],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
"""A notebook that does nothing."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The same for all runs of a sweep."""

    sweep: str
    notebook: str = field(repr=False)
    modules: tuple[str, ...]
    """What is imported once for all of them."""
    beside: tuple[str, ...]
    """What lies beside the notebook, is imported by it, and does not go along."""
    files: bytes = field(repr=False)
    """What does, as a zip."""
    cluster_variable: tuple[str, str]


class Parcel(TypedDict):
    """What comes back of one run."""

    ended: str
    """As JSON."""
    notebook: str
    """"" when there is none."""
    log: str


class Node:
    def __init__(self, sheet: Sheet, worker: Any) -> None:
        self._sheet, self._worker = sheet, worker
        self._folder = Path(tempfile.mkdtemp(prefix="sweep-", dir=worker.local_directory))
        self._source = self._folder / "source.ipynb"
        self._source.write_text(sheet.notebook, encoding="utf-8")
        self._beside = self._folder / "beside"
        unpack(sheet.files, self._beside)
        self._log = self._folder / "kernels.log"
        self._log.touch()
        self._told = 0
        """Bytes of the log."""
        self._under_way: dict[int, int] = {}
        """When each notebook was written that has come back in part, in ns."""
        self._warm: Listening | None = None
        self._lock = threading.Lock()
        self._ended = False

    def try_out(self) -> str:
        """Why no kernel can run here; "" when one did."""
        trial = self._folder / "trial.ipynb"
        trial.write_text(json.dumps(TRIAL))
        waiting = self._start(0, {}, trial)
        if waiting is None:
            return "the sweep has ended"
        try:
            ended = waiting.result(TRIAL_SECONDS)
        except TimeoutError:
            return f"a kernel that does nothing has not ended within {TRIAL_SECONDS} s"
        self._output(0).unlink(missing_ok=True)
        said = "" if ended["state"] == "completed" else f"{ended['error']} {self._news()[-300:]}"
        return " ".join(said.split())

    def run(
        self, number: int, parameters: dict[str, Any], is_wanted: Callable[[], bool]
    ) -> Parcel | None:
        """None when it is not wanted any more, or the sweep has ended here."""
        waiting = self._start(number, parameters, self._source)
        if waiting is None:
            return None
        while is_wanted():
            if wait([waiting], LOOK_SECONDS).done:
                return self._parcel(number, waiting.result())
        return None

    def changed(self) -> dict[int, str]:
        """Notebooks of runs under way that were written since this was asked last."""
        found = {}
        with self._lock:
            for number, before in self._under_way.items():
                output = self._output(number)
                status = output.stat() if output.exists() else None
                if status and status.st_mtime_ns != before and status.st_size <= PARTIAL_BYTES:
                    self._under_way[number] = status.st_mtime_ns
                    found[number] = _text(output)
        return found

    def end(self) -> dict[int, str]:
        """The notebooks of runs that this ends, with what is in them."""
        with self._lock:
            self._ended = True
            if self._warm is not None:
                self._warm.end()
            outputs = {number: self._output(number) for number in self._under_way}
            found = {
                number: _text(output)
                for number, output in outputs.items()
                if output.exists() and output.stat().st_size <= MOST_BYTES
            }
            shutil.rmtree(self._folder, ignore_errors=True)
        return found

    def _output(self, number: int) -> Path:
        return self._folder / f"{number}.ipynb"

    def _start(
        self, number: int, parameters: dict[str, Any], notebook: Path
    ) -> Future[Ended] | None:
        with self._lock:
            if self._ended:
                return None
            warm = self._serving()
            self._under_way[number] = 0
            return warm.start(self._order(number, parameters, notebook, warm.sockets))

    def _serving(self) -> Listening:
        if self._warm is None or self._warm.gone:
            import dask

            # Short enough for the path of a socket, and this person's alone.
            short = dask.config.get("continuum.relay.direct-dir")
            sockets = Path(tempfile.mkdtemp(prefix="sw-", dir=short))
            modules = [
                name
                for name in self._sheet.modules
                if find_spec(name.partition(".")[0]) is not None
            ]
            # What is shared now may be taken back: each run gets what is valid then.
            env = self._worker.credentials.environment_without()
            self._warm = Listening(modules, sockets=sockets, log=self._log, env=env)
            write_way(sockets / "way.json", self._worker)
        return self._warm

    def _order(
        self, number: int, parameters: dict[str, Any], notebook: Path, sockets: Path
    ) -> Order:
        variable, name = self._sheet.cluster_variable
        first, last = _added(Path(self._worker.local_directory))
        return Order(
            number=number,
            notebook=str(notebook),
            output=str(self._output(number)),
            parameters=parameters,
            kernel="python3",
            language="python",
            cwd=str(self._beside),
            forked=True,
            native=True,
            sockets=str(sockets),
            env={
                **self._worker.credentials.held(),
                variable: name,
                WAY_VARIABLE: str(sockets / "way.json"),
                # A history on a file system that all nodes share would have them wait for locks.
                "IPYTHONDIR": str(self._folder / "ipython"),
            },
            first=first,
            last=last,
        )

    def _parcel(self, number: int, ended: Ended) -> Parcel | None:
        output = self._output(number)
        notebook = ""
        with self._lock:
            if self._ended:
                return None  # `end` has it
            del self._under_way[number]
            size = output.stat().st_size if output.exists() else 0
            if size <= MOST_BYTES and size:
                notebook = _text(output)
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


def _added(scratch: Path) -> tuple[list[str], list[str]]:
    """Folders where this worker finds code that was uploaded, and packages that were installed."""
    first, last = scratch / code.FOLDER, scratch / packages.FOLDER
    return (
        [path for path in sys.path if first in Path(path).parents],
        [path for path in sys.path if last in Path(path).parents],
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _too_large(ended: Ended, size: int) -> Ended:
    error = (
        f"Its notebook and what it recorded have {size / 1e6:.0f} MB, and more than "
        f"{MOST_BYTES / 1e6:.0f} MB do not come back. Write large results to a file at the site."
    )
    return Ended(state="failed", error=error, outputs={}, seconds=ended["seconds"])
