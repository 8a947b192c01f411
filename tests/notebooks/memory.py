"""The memory that everything of the demo needs, kernels included."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jupyter_continuum.cli.clearing import leftovers
from tests.memory import held_by

EVERY_SECONDS = 2.0


@dataclass(slots=True)
class Memory:
    peak: int = 0
    """Bytes."""

    def look(self) -> None:
        self.peak = max(self.peak, held_by(leftovers()).bytes)


@contextmanager
def peak_memory() -> Iterator[Memory]:
    """The most that the demo's processes had at once, looked at every other second."""
    memory, over = Memory(), threading.Event()

    def look_until_over() -> None:
        memory.look()
        while not over.wait(EVERY_SECONDS):
            memory.look()

    thread = threading.Thread(target=look_until_over)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()
