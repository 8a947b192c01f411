"""When a cluster's state is written: at once where a site is told next, gathered elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jupyter_continuum.broker.clusters.store import Store
from jupyter_continuum.errors import BrokerError

GATHER_SECONDS = 0.5
"""Changes are gathered for so long before they are written."""
AGAIN_SECONDS = 10
"""After so long, a disk that was full is tried again."""


class Saving:
    """``state`` gives what to write."""

    def __init__(self, store: Store, state: Callable[[], dict[str, Any]]) -> None:
        self._store = store
        self._state = state
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def now(self) -> None:
        """Write. BrokerError when the disk is full."""
        self._store.save(self._state())

    def soon(self) -> None:
        """Write in a moment, and again until the disk takes it."""
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self.try_now)

    def try_now(self) -> None:
        """Write; a full disk is said in the log and tried again later."""
        self._cancel()
        try:
            self.now()
        except BrokerError as error:
            print(error, flush=True)
            self._timer = asyncio.get_running_loop().call_later(AGAIN_SECONDS, self.try_now)

    def finish(self) -> None:
        """Write what was not written yet, and nothing more."""
        if self._timer is not None:
            self.try_now()
        self.close()

    def close(self) -> None:
        self._closed = True
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
