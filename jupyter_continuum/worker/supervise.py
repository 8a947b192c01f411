"""One worker with its nanny, started again while its allocation lives."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from jupyter_continuum.cluster.log import last_words, say

if TYPE_CHECKING:
    from jupyter_continuum.worker.node import ContinuumNanny

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A worker that lived so long has shown that starting works."""


class Supervised:
    """Keeps one worker alive. ``run`` ends when the worker was retired, or after ``close``."""

    def __init__(self, name: str, make: Callable[[], ContinuumNanny]) -> None:
        self.name = name
        self._make = make
        self._nanny: ContinuumNanny | None = None
        self._closing = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where the cluster knows this worker; "" while there is none."""
        return (self._nanny.worker_address if self._nanny is not None else None) or ""

    async def run(self) -> None:
        """Start, wait, start again; backs off while starting fails."""
        self._running = asyncio.current_task()
        failures = 0
        while not self._closing.is_set():
            began = time.monotonic()
            why = await self._live()
            if why == "retired":
                say(f"{self.name}: retired")
                return
            if self._closing.is_set():
                return
            failures = 0 if time.monotonic() - began > STEADY_SECONDS else failures + 1
            pause = pause_seconds(failures, random.random())
            say(f"{self.name}: ended ({why}); starting again in {pause:.1f} s")
            try:
                async with asyncio.timeout(pause):
                    await self._closing.wait()
            except TimeoutError:
                continue

    async def close(self, *, timeout_seconds: float) -> None:
        """End the worker's process, and do not start it again."""
        self._closing.set()
        if self._nanny is not None:
            await self._end(self._nanny, timeout_seconds, "agent-close")
        if self._running is not None:
            # A nanny that is still looking for its scheduler would go on for a minute.
            self._running.cancel()

    async def _live(self) -> str:
        """Start a nanny and wait until it is gone; why it went."""
        nanny = self._nanny = self._make()
        try:
            await nanny
            say(f"{self.name}: ready at {nanny.worker_address}, process {nanny.pid}")
            await nanny.finished()  # type: ignore[no-untyped-call]
        except Exception as error:  # whatever a worker's start may raise: told, then tried again
            return last_words(error)
        finally:
            await self._end(nanny, 2, "nanny-close")
        return nanny.closed_because or "its nanny closed"

    async def _end(self, nanny: ContinuumNanny, seconds: float, reason: str) -> None:
        try:
            await nanny.close(timeout=seconds, reason=reason)
        except TimeoutError:
            say(f"{self.name}: its process was killed and has not ended yet")


def pause_seconds(failures: int, chance: float) -> float:
    """How long to wait after so many failures in a row; ``chance`` from 0 to 1 spreads them."""
    full = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 10))
    return full * (0.5 + chance / 2)
