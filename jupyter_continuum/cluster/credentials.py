"""Short-lived credentials in the memory of workers, and nowhere else.

The scheduler keeps them while they are valid, so that a worker that joins or starts again has
them before its first task. They are environment variables there: what object stores'
libraries look at. A variable set in a running process is not in its `/proc/PID/environ`.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin, WorkerPlugin
from distributed.scheduler import Scheduler

from jupyter_continuum.errors import ContinuumError

if TYPE_CHECKING:
    from distributed import Client

PLUGIN = "continuum-credentials"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")
LONGEST_MINUTES = 24 * 60
LONGEST_BYTES = 64 * 1024


def check(values: Mapping[str, str], minutes: float) -> None:
    """ContinuumError when they cannot be shared; it names no value."""
    if not values:
        raise ContinuumError("No credentials were given. Pass {'NAME': 'value', ...}.")
    for name, value in values.items():
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            raise ContinuumError(f"{name!r} is no name of an environment variable.")
        if not isinstance(value, str) or "\0" in value or len(value) > LONGEST_BYTES:
            raise ContinuumError(f"The value of {name} is no text of at most 64 KiB.")
    if not 0 < minutes <= LONGEST_MINUTES:
        raise ContinuumError(f"{minutes} minutes: credentials are shared for at most a day.")


@dataclass(slots=True)
class Shared:
    """What is shared now."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    until: float = 0.0
    """Monotonic time."""

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.until - time.monotonic())


class Credentials(SchedulerPlugin):
    """The scheduler's side: `continuum_share` and `continuum_revoke` for clients,
    `continuum_credentials` for workers that join."""

    name = PLUGIN

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._shared = Shared()
        self._expiry: asyncio.TimerHandle | None = None
        scheduler.handlers["continuum_share"] = self.share
        scheduler.handlers["continuum_revoke"] = self.revoke
        scheduler.handlers["continuum_credentials"] = self.valid

    async def share(self, values: dict[str, str], seconds: float) -> int:
        """Replace what was shared; the number of workers that have it."""
        self._forget()
        loop = asyncio.get_running_loop()
        self._shared = Shared(dict(values), time.monotonic() + seconds)
        self._expiry = loop.call_later(seconds, self._forget)
        self._scheduler.worker_plugins[PLUGIN] = pickle.dumps(TakeCredentials())
        return await self._tell(self._shared.values, seconds)

    async def revoke(self) -> int:
        self._forget()
        return await self._tell({}, 0)

    def valid(self) -> dict[str, Any]:
        return {"values": self._shared.values, "seconds": self._shared.seconds_left}

    async def _tell(self, values: dict[str, str], seconds: float) -> int:
        answers = await self._scheduler.broadcast(
            msg={"op": "continuum_take", "values": values, "seconds": seconds}, on_error="return"
        )
        return sum(answer == "taken" for answer in answers.values())

    def _forget(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._shared = Shared()
        self._scheduler.worker_plugins.pop(PLUGIN, None)


async def share(client: Client, values: Mapping[str, str], minutes: float) -> int:
    """Hand them over; the number of workers that have them now. ContinuumError as ``check``."""
    check(values, minutes)
    scheduler: Any = client.scheduler  # its methods are what the handlers above are called
    shared: int = await scheduler.continuum_share(values=dict(values), seconds=60 * minutes)
    return shared


async def revoke(client: Client) -> int:
    """Take back what was shared; the number of workers that did."""
    scheduler: Any = client.scheduler
    revoked: int = await scheduler.continuum_revoke()
    return revoked


class TakeCredentials(WorkerPlugin):
    """Asks for what is valid, before the worker gets its first task. Holds nothing itself."""

    name = PLUGIN

    async def setup(self, worker: Any) -> None:
        told = await worker.scheduler.continuum_credentials()
        worker.credentials.take(told["values"], told["seconds"])


class Purse:
    """A worker's side: variables of this process, until they expire."""

    def __init__(self) -> None:
        self._before: dict[str, str | None] = {}
        self._expiry: asyncio.TimerHandle | None = None

    def take(self, values: Mapping[str, str], seconds: float) -> str:
        """Instead of what was taken before; nothing when there are no seconds left."""
        self.empty()
        if values and seconds > 0:
            self._before = {name: os.environ.get(name) for name in values}
            os.environ.update(values)
            self._expiry = asyncio.get_running_loop().call_later(seconds, self.empty)
        return "taken"

    def empty(self) -> None:
        """Every variable is as it was before."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        before, self._before = self._before, {}
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def held(self) -> dict[str, str]:
        """What was taken, while it is valid."""
        return {name: os.environ[name] for name in list(self._before) if name in os.environ}

    def environment_without(self) -> dict[str, str]:
        """This process's environment as it is when nothing is shared."""
        taken = dict(self._before)
        before = {name: value for name, value in taken.items() if value is not None}
        names = [name for name in list(os.environ) if name not in taken]
        return {name: os.environ.get(name, "") for name in names} | before

    def __repr__(self) -> str:
        return f"<{len(self._before)} credentials>"
