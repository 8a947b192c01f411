"""Ways from a cluster's hub into its jobs: opened when an agent announces itself, kept open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_continuum.broker.hub_control import HubControl
from jupyter_continuum.broker.job import AgentEntry
from jupyter_continuum.broker.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import CarrierDenied, ContinuumError
from jupyter_continuum.sites.protocols import Agent, Forward

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
DIAL_SECONDS = 15
"""How long the hub may take to say that a link is up, or is not."""


@dataclass(slots=True)
class _Link:
    session: Session
    entry: AgentEntry
    announced: Agent
    task: asyncio.Task[None] | None = None
    forward: Forward | None = None
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """The hub said something of this link."""


class Links:
    """One task per agent: forward, let the hub dial, and again when the link goes down."""

    def __init__(self, folder: Path, hub: HubControl, changed: Callable[[], None]) -> None:
        self._folder = folder
        self._hub = hub
        self._changed = changed
        self._links: dict[str, _Link] = {}
        """By ``site.agent``."""

    def ensure(self, session: Session, entry: AgentEntry, announced: Agent) -> None:
        """See to it that the link to this agent is up."""
        name = f"{session.site}.{entry.id}"
        if name in self._links:
            return
        entry.announced, entry.node = True, announced.node
        link = self._links[name] = _Link(session, entry, announced)
        link.task = asyncio.get_running_loop().create_task(self._keep(name, link), name=name)

    def news(self, agent: str, up: bool) -> None:
        """The hub says that a link went up or down."""
        link = self._links.get(agent)
        if link is None:
            return
        link.entry.up = up
        if up:
            link.entry.trouble = ""
        link.told.set()
        self._changed()

    def agree(self, up: set[str]) -> None:
        """What the hub said while nobody listened: these links are up, all others are down."""
        for name, link in self._links.items():
            if link.entry.up and name not in up:
                self.news(name, False)

    async def rest(self, seconds: float) -> None:
        """The cluster ends: dial no more, and wait so long for the agents to hang up."""
        await _cancel(self._links.values())
        for link in self._links.values():
            link.told.clear()
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(_went_down(link) for link in self._links.values()))
        except TimeoutError:
            return  # their jobs are cancelled next

    async def drop(self, agent: str) -> None:
        """The job is over: forget its link."""
        link = self._links.pop(agent, None)
        if link is None:
            return
        self._hub.order("drop", agent=agent)
        await _end(link)

    async def close(self) -> None:
        """Close every way; the hub is told nothing, so links can be taken up again."""
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(_end(link) for link in links))

    async def _keep(self, name: str, link: _Link) -> None:
        failures, said = 0, ""
        while True:
            try:
                # A site that is down or wants the person is not dialled for its links' sake.
                await link.session.until_ready()
                await link.session.connect()
                await self._open(name, link)
                if link.entry.up:
                    failures, said = 0, ""
                    await _went_down(link)
            except (ContinuumError, OSError) as error:
                if said != one_line(error):
                    said = link.entry.trouble = one_line(error)
                    self._changed()
                    print(f"{name}: {said}", flush=True)
            failures += 1
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])

    async def _open(self, name: str, link: _Link) -> None:
        if link.forward is not None:
            await link.forward.close()
            link.forward = None
        link.forward = await self._forward(name, link)
        link.told.clear()
        self._hub.order("dial", agent=name, path=str(link.forward.path), key=link.entry.key.hex())
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                await link.told.wait()
        except TimeoutError:
            return

    async def _forward(self, name: str, link: _Link) -> Forward:
        """By the first carrier of the site that can."""
        path = self._folder / f"{name.partition('.')[2]}.sock"
        last: ContinuumError | None = None
        for carrier in link.session.carriers:
            try:
                return await carrier.open(link.announced, path)
            except CarrierDenied as error:
                last = error
        raise last or ContinuumError(f"{link.session.site} has no way to its workers.")


async def _went_down(link: _Link) -> None:
    while link.entry.up:
        link.told.clear()
        await link.told.wait()


async def _cancel(links: Iterable[_Link]) -> None:
    tasks = [link.task for link in links if link.task is not None and not link.task.done()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def _end(link: _Link) -> None:
    await _cancel([link])
    if link.forward is not None:
        await link.forward.close()
