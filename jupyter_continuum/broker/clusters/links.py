"""Ways from a cluster's hub into its jobs: opened when an agent announces itself, kept open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_continuum.broker.clusters.hub_control import HubControl
from jupyter_continuum.broker.clusters.job import AgentEntry
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import (
    CarrierDenied,
    ContinuumError,
    SignInRequired,
    SiteError,
    SiteUnreachable,
)
from jupyter_continuum.planning.carriers import FAILURES, no_way
from jupyter_continuum.sites.protocols import Agent, Carrier, CarrierName, Forward

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
LOOK_SECONDS = 10
"""Between looks whether a better carrier should be tried."""
DIAL_SECONDS = 15
"""How long the hub may take to say that a link is up, or is not."""


@dataclass(slots=True)
class _Link:
    session: Session
    entry: AgentEntry
    announced: Agent
    task: asyncio.Task[None] | None = None
    forward: Forward | None = None
    carrier: CarrierName | None = None
    """What it rides on while it is up."""
    failures: dict[CarrierName, int] = field(default_factory=dict)
    """In a row, while the site answered."""
    ways_opened: int = 0
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
        else:
            link.session.ways.lost(agent)
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
        link.session.ways.forget(agent)
        self._hub.order("drop", agent=agent)
        await _end(link)

    async def close(self) -> None:
        """Close every way; the hub is told nothing, so links can be taken up again."""
        for name, link in self._links.items():
            link.session.ways.forget(name)
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(_end(link) for link in links))

    async def _keep(self, name: str, link: _Link) -> None:
        failures, said = 0, ""
        while True:
            try:
                # A site that is down or wants the person is not dialled for its links' sake.
                await link.session.until_reachable(link.announced)
                if link.session.ready:
                    await link.session.connect()
                await self._open(name, link)
                if link.entry.up:
                    failures, said = 0, ""
                    await self._while_up(name, link)
            except (ContinuumError, OSError) as error:
                if said != one_line(error):
                    said = link.entry.trouble = one_line(error)
                    self._changed()
                    print(f"{name}: {said}", flush=True)
            failures += 1
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])

    async def _while_up(self, name: str, link: _Link) -> None:
        """Until it goes down. Once a better carrier may work, it is tried beside the one in use."""
        while link.entry.up:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await _went_down(link)
            except TimeoutError:
                await self._improve(name, link)

    async def _open(self, name: str, link: _Link) -> None:
        """Open it by the first carrier that can. SiteError says what was tried."""
        if link.forward is not None:
            await link.forward.close()
            link.forward = None
        tried: dict[CarrierName, SiteError] = {}
        for carrier in link.session.ways.to_try():
            if not link.session.ready and carrier.name is not CarrierName.OUTBOUND:
                continue  # it would log in
            try:
                await self._ride(name, link, carrier)
            except SignInRequired:
                raise
            except SiteError as error:
                tried[carrier.name] = error
                if isinstance(error, CarrierDenied):
                    link.session.ways.failed(carrier.name, error)
                    continue
                count = link.failures[carrier.name] = link.failures.get(carrier.name, 0) + 1
                if count < FAILURES:
                    raise
            else:
                self._passed_over(link, tried)
                return
        if not tried and not link.session.ready:
            raise SiteUnreachable(link.session.reason)
        raise self._none(link, tried)

    async def _improve(self, name: str, link: _Link) -> None:
        """Move the link to a better carrier, should one work by now."""
        before, rode_on = link.forward, link.carrier
        if rode_on is None or not link.session.ready:
            return
        for carrier in link.session.ways.better_than(rode_on):
            try:
                await self._ride(name, link, carrier)
            except SiteError as error:
                link.session.ways.failed(carrier.name, error)
            else:
                if before is not None:
                    await before.close()
                return

    def _passed_over(self, link: _Link, tried: dict[CarrierName, SiteError]) -> None:
        """Another carrier works: what did not is no longer the first to be tried here."""
        link.failures.clear()
        for name, error in tried.items():
            if not isinstance(error, CarrierDenied):
                link.session.ways.failed(name, error)

    async def _ride(self, name: str, link: _Link, carrier: Carrier) -> None:
        """Open a way by ``carrier`` and have the hub dial it. SiteError when the link is not up."""
        link.ways_opened += 1
        # Each at a path of its own: one that still carries goes on until the hub has changed over.
        path = self._folder / f"{name.partition('.')[2]}.{link.ways_opened}.sock"
        forward = await carrier.open(link.announced, path)
        link.told.clear()
        self._hub.order("dial", agent=name, path=str(forward.path), key=link.entry.key.hex())
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                await link.told.wait()
            if not link.entry.up:
                raise SiteUnreachable(f"{link.session.site}: the gateway did not answer.")
        except BaseException as error:
            await forward.close()
            if isinstance(error, TimeoutError):
                raise SiteUnreachable(
                    f"{link.session.site}: the gateway did not answer within {DIAL_SECONDS} s."
                ) from None
            raise
        link.forward, link.carrier = forward, carrier.name
        link.entry.carrier = carrier.name
        link.session.ways.carries(name, carrier.name)

    def _none(self, link: _Link, tried: dict[CarrierName, SiteError]) -> SiteError:
        site, chosen = link.session.site, link.session.profile.carrier
        if tried:
            return SiteUnreachable(no_way(site, {name: str(why) for name, why in tried.items()}))
        names = ", ".join(carrier.name for carrier in link.session.carriers)
        return CarrierDenied(
            f"{site}: its profile asks for the carrier {chosen}, which this site does not have; "
            f"it has {names}. Connect it again with one of them, or with none."
        )


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
