"""The sites of one person: catalogue, profiles, and one Session for each that has a profile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from jupyter_continuum.broker.front_door.door import FrontDoor
from jupyter_continuum.broker.messages.sites import ClaimView, DraftView, SiteState, SiteView
from jupyter_continuum.broker.sites.claim_views import claim_views
from jupyter_continuum.broker.sites.credentials import CredentialClock
from jupyter_continuum.broker.sites.draft import draft_of
from jupyter_continuum.broker.sites.estimating import Estimating, Waits
from jupyter_continuum.broker.sites.opening import HERE, faults_file, open_session
from jupyter_continuum.broker.sites.profiles import forget_profile, load_profiles, save_profile
from jupyter_continuum.broker.sites.reach import Reach, surroundings
from jupyter_continuum.broker.sites.records import Records
from jupyter_continuum.broker.sites.renewing import renew_with_step
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.sites.view import site_view
from jupyter_continuum.catalogue import Catalogue, Site, shown
from jupyter_continuum.errors import ContinuumError, PlanRefused, Unknown
from jupyter_continuum.planning.rank import By, Ranked, rank
from jupyter_continuum.planning.wait import Said, Wait
from jupyter_continuum.sites.profile import Profile
from jupyter_continuum.sites.protocols import Asker


class Sites:
    """Opens, replaces and closes sessions; a site has one at any moment, or none."""

    def __init__(
        self,
        asker: Asker,
        on_change: Callable[[Session], None],
        door: FrontDoor,
        *,
        changed: Callable[[str], None],
        reach: Reach,
        probing: Mapping[str, str],
        waits: Waits,
    ) -> None:
        """``changed`` hears of a site that looks otherwise now.

        ``probing`` says how far the probe of a site is, where one runs.
        """
        self._records = Records()
        self._estimating = Estimating(self._records, waits)
        self.sessions: dict[str, Session] = {}
        self.credentials = CredentialClock(self.sessions, changed)
        self._reach = reach
        self._probing = probing
        self._asker = asker
        self._on_change = on_change
        self._door = door
        self._renewing: set[str] = set()
        self._faults: dict[str, str] = {}
        """Sentences on profiles that cannot be used, by site."""

    @property
    def catalogue(self) -> Catalogue:
        return self._records.catalogue

    def look(self) -> None:
        """See what the person has written on sites meanwhile."""
        self._records.look()

    def open_all(self) -> None:
        """Open every site that has a profile; one that is broken keeps no other closed."""
        profiles = load_profiles()
        self._faults = {name.removesuffix(".json"): why for name, why in profiles.broken.items()}
        for profile in {HERE.site: HERE, **profiles.by_site}.values():
            try:
                self._open(profile).start()
            except ContinuumError as error:
                self._faults[profile.site] = str(error)
        for why in self._faults.values():
            print(why, flush=True)

    def draft(self, id: str) -> DraftView:
        """What is known of the person's side. PlanRefused where there is nothing to connect."""
        record, session = self._in_service(id), self.sessions.get(id)
        today = datetime.now(UTC).date()
        return draft_of(id, record, session.profile if session else None, today)

    def _in_service(self, id: str) -> Site | None:
        record = self.catalogue.sites.get(id)
        if record is not None and record.lifecycle in ("retired", "planned"):
            raise PlanRefused(
                f"{record.name} cannot be connected. {self.view(id).reason} "
                "`jupyter continuum sites` shows those that can be used."
            )
        return record

    async def connect(self, wanted: Profile, used_by: list[str]) -> None:
        """Sign in with this profile, and keep it. ``used_by`` names clusters at the site."""
        self._in_service(wanted.site)
        old = self.sessions.get(wanted.site)
        if old is not None and _same_login(old.profile, wanted):
            if old.profile != wanted:
                # Account, QoS and the like count for the next job; no code is asked for again.
                save_profile(wanted)
                old.profile = wanted
            await old.sign_in()
            self._on_change(old)
            return
        if old is not None and used_by:
            raise ContinuumError(
                f"{wanted.site} cannot be changed while {', '.join(used_by)} uses it. "
                "Stop that cluster first."
            )
        # No await up to here, and the new session in its place before the old one is closed.
        session = self._open(wanted)
        save_profile(wanted)
        if old is not None:
            await old.close()
        try:
            await session.sign_in()
        finally:
            session.start()

    async def renew(self, site: str) -> None:
        """Get the person a new certificate, and log in with it where that is waited for."""
        session = self.session(site)
        if not self.view(site).renewable:
            raise PlanRefused(f"{site} gives no certificates that can be renewed from here.")
        if site in self._renewing:
            raise ContinuumError(f"{site}: a renewal is under way already. Answer what it asks.")
        self._renewing.add(site)
        try:
            await renew_with_step(site, self._asker, os.environ)
        finally:
            self._renewing.discard(site)
        await self.credentials.read(site)
        if session.state is SiteState.SIGN_IN:
            await session.sign_in()

    async def disconnect(self, site: str) -> None:
        session = self.session(site)
        del self.sessions[site]
        if site != HERE.site:
            forget_profile(site)
            faults_file(site).unlink(missing_ok=True)
        self._reach.forget(site)
        await session.close()

    async def close(self) -> None:
        self.credentials.close()
        await asyncio.gather(*(session.close() for session in self.sessions.values()))

    def session(self, site: str) -> Session:
        """The open session. Unknown says how to connect, or what is called alike."""
        session = self.sessions.get(site)
        if session is None:
            record = self.catalogue.site(site)  # raises Unknown with look-alikes
            raise Unknown(
                f"{record.name} is not connected. Connect it: `jupyter continuum connect {site}`."
            )
        return session

    @property
    def ids(self) -> list[str]:
        """Connected ones first."""
        known = self.catalogue
        return list(dict.fromkeys((*self.sessions, *self._faults, *known.faults, *known.sites)))

    def view(self, id: str) -> SiteView:
        record, session = self.catalogue.sites.get(id), self.sessions.get(id)
        fault = self._faults.get(id) or self.catalogue.faults.get(id, "")
        if record is None and session is None:
            reason = fault or "Disconnected."
            return SiteView(id=id, name=id, kind="own", state=SiteState.CATALOGUED, reason=reason)
        today = datetime.now(UTC).date()
        view = site_view(record, session, today)
        if session is None or not view.reason:
            view.reason = fault or view.reason
        if session is not None:
            view.credentials = self.credentials.views(id)
            view.reach = self._reach.view(surroundings(session), today)
            view.probing = self._probing.get(id, "")
        self._estimating.fill(view, session)
        return view

    def claims(self, offer: str) -> list[ClaimView]:
        """Who says what of an offer and its site. Unknown when there is none of that id."""
        id = offer.partition("/")[0]
        view = self.view(id) if id in self.ids else None
        found = next((each for each in view.offers if each.id == offer), None) if view else None
        if found is None:
            raise Unknown(f"There is no offer {offer!r}. `jupyter continuum offers` lists them.")
        today = datetime.now(UTC).date()
        return claim_views(offer, found.name, self.sessions.get(id), self.catalogue, today)

    def wait(self, offer: str, foretold: Sequence[Said]) -> Wait:
        """What a job in ``offer`` would wait, ``foretold`` of that very job."""
        session = self.sessions.get(offer.partition("/")[0])
        return self._estimating.wait(offer, session, datetime.now(UTC), foretold=foretold)

    def ranked(self, by: By) -> list[Ranked]:
        """The offers of all sites that there still are, best first."""
        views = [view for view in map(self.view, self.ids) if view.state != "retired"]
        return rank(
            (
                each
                for view in views
                for each in self._estimating.of_site(view, self.sessions.get(view.id))
            ),
            by,
        )

    def _open(self, profile: Profile) -> Session:
        record = self.catalogue.sites.get(profile.site)
        session = open_session(
            profile,
            asker=self._asker,
            save=self._keep,
            on_change=self._on_change,
            door=self._door,
            books=shown(record.allocation_command, datetime.now(UTC).date()) if record else None,
        )
        self.sessions[profile.site] = session
        self._reach.apply(session, datetime.now(UTC).date())
        self._faults.pop(profile.site, None)
        return session

    def _keep(self, profile: Profile) -> None:
        """A host key was pinned, maybe after account or QoS were changed."""
        session = self.sessions.get(profile.site)
        if session is not None:
            session.profile = session.profile.model_copy(update={"ssh": profile.ssh})
            save_profile(session.profile)


def _same_login(open_now: Profile, wanted: Profile) -> bool:
    """True when the open session serves ``wanted`` too."""
    fields = ("kind", "ssh", "emulated", "kubernetes", "work_directory")
    return all(getattr(open_now, field) == getattr(wanted, field) for field in fields)
