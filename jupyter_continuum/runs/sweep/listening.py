"""A warm process with a thread that hears what it says: runs are started from several."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.sweep.order import LOST, Ended, Order
from jupyter_continuum.runs.sweep.warm import Lost, Warm

LOOK_SECONDS = 0.5
IDLE_SECONDS = 60
"""After so long without a run it ends: its sweep may have been killed."""


class Listening:
    def __init__(
        self, modules: Sequence[str], *, sockets: Path, log: Path, env: Mapping[str, str]
    ) -> None:
        """RunError when it does not start."""
        self.sockets = sockets
        try:
            self._warm = Warm(modules, [], sockets=sockets, log=log, env=env)
            self._warm.wait_until_ready()
        except OSError as error:
            raise RunError(f"no process can be started: {error.strerror}") from error
        except RunError as error:
            said = " ".join(log.read_text(errors="replace").split())[-300:]
            raise RunError(f"the process that they are forked from ended: {said}") from error
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
                waiting.set_result(LOST)
                return waiting
            self._waiting[order["number"]] = waiting
            with suppress(Lost):  # which the thread hears, too
                self._warm.run(order)
        return waiting

    def end(self) -> None:
        """End it and all its runs."""
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
            waiting.set_result(LOST)

    def _retire(self) -> bool:
        """Take no more runs; False when one has come after all."""
        with self._lock:
            self.gone = not self._waiting
            return self.gone
