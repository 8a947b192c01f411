"""One site as the broker holds it: one login, one look at a time, a state with a reason.

A site that does not answer is ``unreachable`` since a time, is tried again with growing
pauses, and delays nobody else: every session has a task of its own.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from jupyter_continuum.broker.messages import SiteState
from jupyter_continuum.errors import (
    ContinuumError,
    HostKeyChanged,
    SignInRequired,
    SiteError,
    SiteUnreachable,
)
from jupyter_continuum.sites.profile import Profile
from jupyter_continuum.sites.protocols import (
    Agent,
    Association,
    JobState,
    Launcher,
    SiteStatus,
    Transport,
)

T = TypeVar("T")

IDLE_SECONDS = 60.0
"""Between looks at a site where nothing of ours runs."""
FIRST_SECONDS, STEADY_SECONDS = 2.0, 15.0
"""Between looks while jobs of ours start, and once they all run."""
PROCESS_SECONDS = 0.5
"""Between looks at jobs that are processes of this machine: costs no batch system anything."""
AGENT_SECONDS = 0.3
"""Between looks for agents of jobs that run: a listing of one folder."""
RETRY_SECONDS = (2.0, 5.0, 10.0, 30.0, 60.0)


class Session:
    """Transport and Launcher of one site, and what was last seen there."""

    def __init__(
        self,
        profile: Profile,
        transport: Transport,
        launcher: Launcher,
        on_change: Callable[[Session], None],
    ) -> None:
        self.profile = profile
        self.transport = transport
        self.launcher = launcher
        self.state = SiteState.CONNECTING
        self.reason = "Connecting."
        self.since = datetime.now(UTC)
        self.status: SiteStatus | None = None
        self.agents: dict[tuple[str, int], Agent] = {}
        """Agents that announced themselves, by job and rank."""
        self.associations: tuple[Association, ...] = ()
        self._on_change = on_change
        self._looked = asyncio.Condition()
        self._hurry = asyncio.Event()
        self._expected: dict[str, Callable[[], bool]] = {}
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._signing_in: asyncio.Task[None] | None = None

    @property
    def site(self) -> str:
        return self.profile.site

    @property
    def ready(self) -> bool:
        return self.state is SiteState.READY

    # What others ask -----------------------------------------------------------------

    def start(self) -> None:
        """Connect and keep looking, in the background."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"site {self.site}")

    async def sign_in(self) -> None:
        """Connect now, with the person at hand; raises what went wrong."""
        await self._connect()
        await self.look()
        self._hurry.set()

    async def look(self) -> SiteStatus:
        """Look now; raises SiteError when the site does not answer."""
        try:
            await self.transport.connect()
            status = await self.launcher.poll()
        except SiteError as error:
            self._failed(error)
            raise
        self._seen(status)
        async with self._looked:
            self._looked.notify_all()
        return status

    async def next_look(self, timeout_seconds: float) -> None:
        """Wait until the site was looked at, or for so long."""
        try:
            async with asyncio.timeout(timeout_seconds), self._looked:
                await self._looked.wait()
        except TimeoutError:
            return

    def hurry(self) -> None:
        """Something was just submitted or cancelled: look soon."""
        self._hurry.set()

    def expect(self, job: str, unmet: Callable[[], bool]) -> None:
        """Look often for agents of ``job`` as long as ``unmet()``."""
        self._expected[job] = unmet
        self._hurry.set()

    async def attempt(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something at the site; a lost connection is made anew first."""
        await self.transport.connect()
        return await work()

    async def close(self) -> None:
        """Stop looking and log out. Jobs go on."""
        for task in (self._task, self._signing_in):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])
        await self.transport.close()

    # The task --------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                if self.state is not SiteState.SIGN_IN:
                    await self._connect()
                    await self._watch()
            except SiteError as error:
                self._failed(error)
            await self._pause()

    async def _connect(self) -> None:
        if not self.ready:
            self._become(SiteState.CONNECTING, "Connecting.")
        try:
            await self.transport.connect()
            if not self.associations:
                self.associations = await self.launcher.associations()
        except SiteError as error:
            self._failed(error)
            raise

    async def _watch(self) -> None:
        """Look until something fails."""
        looked = float("-inf")
        while True:
            self._hurry.clear()
            if time.monotonic() - looked >= self._interval():
                await self.look()
                looked = time.monotonic()
            elif self._awaits_agents():
                self._announce(await self.launcher.agents())
                async with self._looked:
                    self._looked.notify_all()
            left = max(0.05, looked + self._interval() - time.monotonic())
            pause = min(left, AGENT_SECONDS) if self._awaits_agents() else left
            try:
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
            except TimeoutError:
                continue
            looked = min(looked, time.monotonic() - self._interval() + 0.05)

    def _awaits_agents(self) -> bool:
        self._expected = {job: unmet for job, unmet in self._expected.items() if unmet()}
        return bool(self._expected)

    def _interval(self) -> float:
        jobs = self.status.jobs if self.status else ()
        live = [job for job in jobs if job.state in (JobState.QUEUED, JobState.RUNNING)]
        if self.profile.kind != "slurm":
            return PROCESS_SECONDS if live or self._expected else IDLE_SECONDS / 10
        if self._awaits_agents():
            return FIRST_SECONDS
        return STEADY_SECONDS if live else IDLE_SECONDS

    async def _pause(self) -> None:
        """Wait before the next try; for ever where only the person can help."""
        seconds: float | None = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]
        if self.state is SiteState.SIGN_IN:
            seconds = None
        else:
            seconds = (seconds or 1) * random.uniform(0.8, 1.2)
        self._hurry.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    # State -------------------------------------------------------------------------------

    def _seen(self, status: SiteStatus) -> None:
        self.status = status
        self._failures = 0
        self._announce(status.agents)
        notes = " ".join(status.notes.values())
        self._become(SiteState.READY, notes)
        self._on_change(self)

    def _announce(self, agents: tuple[Agent, ...]) -> None:
        for agent in agents:
            self.agents[agent.job, agent.rank] = agent

    def _failed(self, error: ContinuumError) -> None:
        self._failures += 1
        if isinstance(error, SignInRequired | HostKeyChanged):
            self._become(SiteState.SIGN_IN, str(error))
        else:
            self._become(SiteState.UNREACHABLE, str(error))
        if isinstance(error, SiteUnreachable) and self._failures == 1:
            self._on_change(self)

    def _become(self, state: SiteState, reason: str) -> None:
        if state is self.state and reason == self.reason:
            return
        if state is not self.state:
            self.since = datetime.now(UTC)
        self.state, self.reason = state, reason
        self._on_change(self)
