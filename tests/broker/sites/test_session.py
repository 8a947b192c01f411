"""Forty sites are looked at once each and as seldom as they may be, whoever asks how they are."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from jupyter_continuum.broker.messages.sites import SiteState
from jupyter_continuum.broker.sites import session as module
from jupyter_continuum.broker.sites.pace import PACES
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.errors import SiteUnreachable
from jupyter_continuum.sites.profile import Profile
from jupyter_continuum.sites.protocols import Association, SiteStatus

IDLE, FIRST = int(PACES["slurm"].idle), PACES["slurm"].first
LOOK_SECONDS = 0.2


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time is as long as what is waited for: an hour takes as long as its work."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._clock.now += timeout or 0
        found: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        return found


class Site:
    """Transport and Launcher of a site: counts what it is asked."""

    carriers = ()

    def __init__(self) -> None:
        self.looks = 0
        self.answers = True

    async def connect(self) -> None:
        return

    async def close(self) -> None:
        return

    async def associations(self) -> tuple[Association, ...]:
        return ()

    async def poll(self) -> SiteStatus:
        self.looks += 1
        await asyncio.sleep(LOOK_SECONDS)
        if not self.answers:
            raise SiteUnreachable("It does not answer. Wait, or ask its operator.")
        return SiteStatus(observed=datetime.now(UTC), jobs=(), agents=(), offers=())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    loop = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=loop.time))
    yield loop
    loop.close()


def opened(name: str, site: Site) -> Session:
    profile = Profile(site=name, kind="slurm")
    session = Session(profile, site, site, lambda _: None)  # type: ignore[arg-type]
    session.start()
    return session


def test_forty_sites_are_asked_once_a_minute_each_by_all_faces_together(clock: Clock) -> None:
    sites = {f"site-{number}": Site() for number in range(40)}

    async def an_hour() -> None:
        sessions = [opened(name, site) for name, site in sites.items()]
        for _ in range(60):
            await asyncio.sleep(IDLE)
            # What faces are told is what was seen last: nobody asks the site for it.
            assert all(session.state is SiteState.READY for session in sessions)
        for session in sessions:
            await session.close()

    clock.run_until_complete(an_hour())
    assert {site.looks for site in sites.values()} <= {60, 61}


def test_however_many_ask_to_look_now_share_one_look(clock: Clock) -> None:
    site = Site()

    async def tabs() -> None:
        session = opened("one", site)
        await session.until_ready()
        before = site.looks
        await asyncio.gather(*(session.sign_in() for _ in range(50)))
        assert site.looks - before <= 2  # one that went on already does not tell what is now
        site.answers = False
        before = site.looks
        found = await asyncio.gather(*(session.look() for _ in range(50)), return_exceptions=True)
        assert {type(each) for each in found} == {SiteUnreachable}
        assert site.looks - before <= 2  # theirs, and the one that tries again
        await session.close()

    clock.run_until_complete(tabs())


def test_haste_makes_nobody_look_more_often_than_while_jobs_start(clock: Clock) -> None:
    site = Site()

    async def clicks() -> None:
        session = opened("one", site)
        await session.until_ready()
        before = site.looks
        for _ in range(100):
            session.hurry()
            await asyncio.sleep(0.1)
        assert site.looks - before <= 10 / FIRST + 1
        assert site.looks > before, "but soon"
        await session.close()

    clock.run_until_complete(clicks())
