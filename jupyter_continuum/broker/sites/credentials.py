"""The clock of every site's credentials: read again and again, told when something changes.

Nothing else hangs on it: an open connection is kept over the end of what opened it, and no
cluster hears of a renewal.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from jupyter_continuum.broker.messages.sites import CredentialView, SiteState
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.planning.validity import URGENT, judge, next_change, sentence
from jupyter_continuum.sites.credential import Credential, TellsCredentials

READ_SECONDS = 60
"""How late a renewal is noticed that nobody told of: a small file is read, or an agent asked."""


class CredentialClock:
    """What was last read, by site."""

    def __init__(self, sessions: Mapping[str, Session], changed: Callable[[str], None]) -> None:
        """``changed`` hears of a site whose credentials are others, or judged otherwise."""
        self._sessions = sessions
        self._changed = changed
        self._read: dict[str, tuple[Credential, ...]] = {}
        self._shown: dict[str, list[CredentialView]] = {}
        self._seen: dict[str, SiteState] = {}
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="credentials")

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def expect(self, session: Session) -> None:
        """Something happened to a session: another state may mean another login."""
        if self._seen.get(session.site) is not session.state:
            self._due.set()

    def views(self, site: str) -> list[CredentialView]:
        """As of now, the most urgent first."""
        session, now = self._sessions.get(site), datetime.now(UTC)
        if session is None:
            return []
        found = [view_of(each, now, session.ready) for each in self._read.get(site, ())]
        return sorted(found, key=lambda view: URGENT.index(view.verdict))

    async def read(self, site: str) -> None:
        """Read one site's anew."""
        session = self._sessions.get(site)
        if session is None or not isinstance(session.transport, TellsCredentials):
            self._read.pop(site, None)
        else:
            self._read[site] = await session.transport.credentials()
        if (views := self.views(site)) != self._shown.get(site, []):
            self._shown[site] = views
            self._changed(site)

    async def _run(self) -> None:
        while True:
            self._due.clear()
            for site, session in list(self._sessions.items()):
                self._seen[site] = session.state
                try:
                    await self.read(site)
                except Exception:  # the top of this loop: one odd file must not stop the clock
                    traceback.print_exc()
            try:
                async with asyncio.timeout(self._pause(datetime.now(UTC))):
                    await self._due.wait()
            except TimeoutError:
                continue

    def _pause(self, now: datetime) -> float:
        changes = [next_change(each, now) for found in self._read.values() for each in found]
        until = [(each - now).total_seconds() for each in changes if each is not None]
        return max(0.1, min([READ_SECONDS, *until]))


def view_of(credential: Credential, now: datetime, connected: bool) -> CredentialView:
    return CredentialView(
        name=credential.name,
        expires=credential.expires,
        verdict=judge(credential, now),
        said=sentence(credential, now, connected=connected),
    )
