"""One site as the broker holds it: one login, one look at a time, a state with a reason.

A site that does not answer is ``unreachable`` since a time, is tried again with growing
pauses, and delays nobody else: every session has a task of its own. A site that wants the
person is left alone until the person comes: whoever knocks again and again is locked out.
"""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from jupyter_continuum.broker.front_door.carrier import OutboundCarrier
from jupyter_continuum.broker.front_door.door import FrontDoor
from jupyter_continuum.broker.messages.sites import SiteState
from jupyter_continuum.broker.sites.pace import PACES, PROCESSES
from jupyter_continuum.broker.sites.ways import Ways
from jupyter_continuum.broker.words import one_line
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
    Carrier,
    CarrierName,
    JobState,
    Launcher,
    SiteStatus,
    Transport,
)

T = TypeVar("T")


AGENT_SECONDS = 0.3
"""Between looks for agents of jobs that run: a listing of one folder."""
CLOSE_SECONDS = 5
"""How long a line that may be dead gets to be closed in good order."""


class Session:
    """Transport and Launcher of one site, and what was last seen there."""

    def __init__(
        self,
        profile: Profile,
        transport: Transport,
        launcher: Launcher,
        on_change: Callable[[Session], None],
        door: FrontDoor | None = None,
    ) -> None:
        """``door`` where agents may dial out to us."""
        self.profile = profile
        self.transport = transport
        self.launcher = launcher
        self.state = SiteState.CONNECTING
        self.reason = "Connecting."
        self.since = datetime.now(UTC)
        self.status: SiteStatus | None = None
        self.agents: dict[tuple[str, int], Agent] = {}
        """Agents that announced themselves, by job and rank; of jobs that live."""
        self.associations: tuple[Association, ...] = ()
        self.prefer: tuple[CarrierName, ...] = ()
        """Carriers to try first, in this order; what it does not name follows."""
        self.ways = Ways(self, lambda: on_change(self))
        self._door = door
        self._outbound = OutboundCarrier(door, self) if door else None
        self._on_change = on_change
        self._hurry = asyncio.Event()
        self._is_ready = asyncio.Event()
        self._looking = asyncio.Lock()
        self._looked = float("-inf")
        """When the last look began; long ago, when it failed."""
        self._trouble: SiteError | None = None
        """Why the site does not answer."""
        self._expected: dict[str, Callable[[], bool]] = {}
        self._failures = 0
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def site(self) -> str:
        return self.profile.site

    @property
    def parents(self) -> Mapping[str, str]:
        """The account above each, as far as the site tells."""
        books = self.status.books if self.status else None
        return books.parents if books else {}

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        """Ways to the site's agents: the transport's, then the one that agents open."""
        own = self.transport.carriers
        return own if self._outbound is None else (*own, self._outbound)

    def dial_out(self) -> dict[str, str] | None:
        """What an agent here must know to dial us; None where it cannot, or need not."""
        return self._door.invitation() if self._door is not None else None

    def latest(self, agent: Agent) -> Agent:
        """``agent`` as it last announced itself."""
        return self.agents.get((agent.job, agent.rank), agent)

    @property
    def ready(self) -> bool:
        return self.state is SiteState.READY

    # What others ask -----------------------------------------------------------------

    def start(self) -> None:
        """Connect and keep looking, in the background."""
        if not self._closed and self._task is None:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name=f"site {self.site}")

    async def sign_in(self) -> None:
        """Connect now, with the person at hand; raises what went wrong."""
        is_watched = self.ready
        if not is_watched:
            self._become(SiteState.CONNECTING, "Connecting.")
        await self.look()
        if not is_watched:
            self._hurry.set()

    async def connect(self) -> None:
        """Have a connection, made anew where it was lost. Raises SiteError.

        A site that waits for the person is not dialled: SignInRequired.
        """
        if self.state is SiteState.SIGN_IN:
            raise SignInRequired(self.reason)
        await self._noticing(self._dial)

    async def look(self) -> SiteStatus:
        """Look now; raises SiteError when the site does not answer.

        Who asks while somebody looks waits for one look more, and shares it with all who do;
        when the site does not answer the one, nor would it answer the other.
        """
        await self.connect()
        asked, known = time.monotonic(), self._trouble
        async with self._looking:
            if self._trouble not in (None, known):
                raise self._trouble
            if self.status is None or self._looked < asked:
                self._looked = time.monotonic()
                self._seen(await self._noticing(self.launcher.poll))
            assert self.status is not None
            return self.status

    async def until_reachable(self, agent: Agent) -> None:
        """Until the site answers, or this agent has dialled out to us: that needs no login."""
        waits = [asyncio.ensure_future(self.until_ready())]
        if self._door is not None and self.ways.may_use(CarrierName.OUTBOUND):
            waits.append(asyncio.ensure_future(self._door.until_held(agent.job, agent.rank)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def until_ready(self) -> None:
        """Wait until the site answers; for ever where only the person can help."""
        await self._is_ready.wait()

    def hurry(self) -> None:
        """Something was just submitted or cancelled: look soon."""
        self._hurry.set()

    def expect(self, job: str, unmet: Callable[[], bool]) -> None:
        """Look often for agents of ``job`` as long as ``unmet()``."""
        self._expected[job] = unmet
        self._hurry.set()

    async def attempt(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something at the site; a lost connection is made anew first."""
        await self.connect()
        return await work()

    async def close(self) -> None:
        """Stop looking and log out. Jobs go on."""
        self._closed = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.transport.close()
        except (TimeoutError, OSError, ContinuumError) as error:
            print(f"{self.site}: not closed in good order ({error})", flush=True)

    # The task --------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                if self.state is not SiteState.SIGN_IN:
                    if self.state is not SiteState.UNREACHABLE and not self.ready:
                        # A site that is tried again stays unreachable since it was lost.
                        self._become(SiteState.CONNECTING, "Connecting.")
                    await self.connect()
                    await self._watch()
            except SiteError:
                pass  # _failed has said it
            except Exception as error:  # the top of this loop: a fault must not end it
                traceback.print_exc()
                self._failed(SiteError(f"{self.site}: {type(error).__name__}: {error}"))
            await self._pause()

    async def _dial(self) -> None:
        try:
            await self.transport.connect()
            if not self.associations:
                self.associations = await self.launcher.associations()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                # The shared attempt was cancelled by close(), not this caller.
                raise SiteUnreachable(f"{self.site} was disconnected meanwhile.") from None
            raise

    async def _watch(self) -> None:
        """Look until something fails; whoever hurries, as often as while jobs start at most."""
        hurried = False
        while True:
            self._hurry.clear()
            if time.monotonic() - self._looked >= self._interval(hurried):
                hurried = False
                await self.look()
            elif self._awaits_agents():
                await self._look_for_agents()
            left = max(0.05, self._looked + self._interval(hurried) - time.monotonic())
            pause = min(left, AGENT_SECONDS) if self._awaits_agents() else left
            try:
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
                hurried = True
            except TimeoutError:
                continue

    async def _look_for_agents(self) -> None:
        found = await self._noticing(self.launcher.agents)
        before = self.agents
        self.agents = before | {(agent.job, agent.rank): agent for agent in found}
        if self.agents != before:
            self._on_change(self)

    def _awaits_agents(self) -> bool:
        self._expected = {job: unmet for job, unmet in self._expected.items() if unmet()}
        return bool(self._expected)

    def _interval(self, hurried: bool) -> float:
        pace = PACES.get(self.profile.kind, PROCESSES)
        if hurried:
            return pace.first
        jobs = self.status.jobs if self.status else ()
        return pace.seconds(jobs, starting=self._awaits_agents())

    async def _pause(self) -> None:
        """Wait before the next try; for ever where only the person can help."""
        seconds: float | None = None
        if self.state is not SiteState.SIGN_IN:
            pace = PACES.get(self.profile.kind, PROCESSES)
            seconds = pace.retry_seconds(self._failures) * random.uniform(0.8, 1.2)
        self._hurry.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    # State -------------------------------------------------------------------------------

    def _seen(self, status: SiteStatus) -> None:
        self.status = status
        self._failures, self._trouble = 0, None
        live = {job.name for job in status.jobs if job.state in (JobState.QUEUED, JobState.RUNNING)}
        known = {key: agent for key, agent in self.agents.items() if key[0] in live}
        self.agents = known | {(agent.job, agent.rank): agent for agent in status.agents}
        self._become(SiteState.READY, " ".join(status.notes.values()))
        self._on_change(self)

    async def _noticing(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the site answers; that it did not is remembered, and raised."""
        try:
            return await ask()
        except SiteError as error:
            self._failed(error)
            raise

    def _failed(self, error: SiteError) -> None:
        if self._closed:
            return
        self._failures += 1
        self._looked, self._trouble = float("-inf"), error
        if self.ready:
            self._hurry.set()  # whoever found it out, the next look is due now
        wants_person = isinstance(error, SignInRequired | HostKeyChanged)
        self._become(SiteState.SIGN_IN if wants_person else SiteState.UNREACHABLE, str(error))

    def _become(self, state: SiteState, reason: str) -> None:
        reason = one_line(reason, 600)
        if state is self.state and reason == self.reason:
            return
        if state is not self.state:
            self.since = datetime.now(UTC)
        self.state, self.reason = state, reason
        if self.ready:
            self._is_ready.set()
        else:
            self._is_ready.clear()
        self._on_change(self)
