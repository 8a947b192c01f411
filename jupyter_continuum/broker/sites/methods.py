"""What faces ask of sites."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from jupyter_continuum.broker.messages.sites import (
    AssociationView,
    ClaimView,
    DraftView,
    RankView,
    SiteView,
)
from jupyter_continuum.broker.sites.draft import candidate_views
from jupyter_continuum.broker.sites.profiles import checked_profile
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.broker.sites.view import association_view
from jupyter_continuum.broker.words import first_fault
from jupyter_continuum.errors import ContinuumError, SiteUnreachable
from jupyter_continuum.planning.rank import ORDERS
from jupyter_continuum.sites.emulation import Fault
from jupyter_continuum.sites.here.emulated import EmulatedLauncher


class SiteMethods:
    """To see them, log in, look anew, and leave."""

    def __init__(
        self,
        sites: Sites,
        *,
        used_by: Callable[[str], list[str]],
        cancel_probe: Callable[[str], Awaitable[None]],
        changed: Callable[[str], None],
    ) -> None:
        """``used_by`` names the clusters at a site."""
        self._sites = sites
        self._used_by = used_by
        self._cancel_probe = cancel_probe
        self._changed = changed

    async def sites(self, *, retired: bool = False) -> list[SiteView]:
        self._sites.look()
        views = [self._sites.view(id) for id in self._sites.ids]
        return [view for view in views if retired or view.state != "retired"]

    async def rank(self, *, by: str) -> list[RankView]:
        order = next((each for each in ORDERS if each == by), None)
        if order is None:
            raise ContinuumError(f"{by!r} orders no offers. Say one of {', '.join(ORDERS)}.")
        return [RankView(**asdict(each)) for each in self._sites.ranked(order)]

    async def claims(self, *, offer: str) -> list[ClaimView]:
        return self._sites.claims(offer)

    async def draft(self, *, site: str = "") -> DraftView:
        self._sites.look()
        view = self._sites.draft(site)
        if not site or view.profile.get("kind") == "kubernetes":
            view.candidates = await asyncio.to_thread(candidate_views)
        return view

    async def connect(self, *, profile: dict[str, Any]) -> SiteView:
        wanted = checked_profile(profile)
        open_now = self._sites.sessions.get(wanted.site)
        if open_now is not None and open_now.profile != wanted:
            await self._cancel_probe(wanted.site)
        await self._sites.connect(wanted, self._used_by(wanted.site))
        await self._sites.credentials.read(wanted.site)
        return self._sites.view(wanted.site)

    async def disconnect(self, *, site: str) -> SiteView | None:
        self._sites.session(site)
        running = self._used_by(site)
        if running:
            raise ContinuumError(f"{site} is used by {', '.join(running)}. Stop that first.")
        await self._cancel_probe(site)
        await self._sites.disconnect(site)
        self._changed(site)
        return self._sites.view(site) if site in self._sites.catalogue.sites else None

    async def refresh(self, *, site: str) -> SiteView:
        session = self._sites.session(site)
        await self._sites.credentials.read(site)  # whoever asks may have renewed them just now
        await session.sign_in()
        return self._sites.view(site)

    async def renew(self, *, site: str) -> SiteView:
        await self._sites.renew(site)
        return self._sites.view(site)

    async def fault(
        self, *, site: str, fault: dict[str, Any] | None = None, over: bool = False
    ) -> SiteView:
        session, now = self._sites.session(site), datetime.now(UTC)
        if not isinstance(session.launcher, EmulatedLauncher):
            raise ContinuumError(
                f"{site} is no imitation: nothing can be made to go wrong there. "
                "`jupyter continuum sites` shows which are emulated."
            )
        conditions = session.launcher.conditions
        if over:
            conditions.end(now)
        else:
            conditions.begin(checked_fault(site, fault) if fault else None, now)
        with contextlib.suppress(SiteUnreachable):  # it was just told not to answer
            await session.sign_in()
        return self._sites.view(site)

    async def associations(self, *, site: str) -> list[AssociationView]:
        session = self._sites.session(site)
        found = await session.attempt(session.launcher.associations)
        return [association_view(each) for each in found]


def checked_fault(site: str, fields: dict[str, Any]) -> Fault:
    """The fault that ``fields`` describe. ContinuumError names the field that is wrong."""
    try:
        return Fault.model_validate(fields)
    except ValidationError as error:
        raise ContinuumError(f"{site}: {first_fault(error)}") from error
