"""Which carriers of one site work, as its links find out: asked once, remembered for all."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from jupyter_continuum.errors import CarrierDenied, SiteError
from jupyter_continuum.planning.carriers import (
    Setback,
    better,
    preferred,
    to_try,
    why_not_better,
)
from jupyter_continuum.sites.profile import Profile
from jupyter_continuum.sites.protocols import Carrier, CarrierName


class Offering(Protocol):
    """A site's session, as far as its ways ask."""

    profile: Profile
    prefer: tuple[CarrierName, ...]

    @property
    def site(self) -> str: ...
    @property
    def carriers(self) -> tuple[Carrier, ...]: ...


class Ways:
    """What became of each carrier of a site, and which links ride on which."""

    def __init__(self, offering: Offering, changed: Callable[[], None]) -> None:
        self._offering = offering
        self._changed = changed
        self._setbacks: dict[CarrierName, Setback] = {}
        self._links: dict[str, CarrierName] = {}
        """By cluster and agent, in the order in which they were opened."""

    @property
    def carrier(self) -> CarrierName | None:
        """What the link that was opened last rides on; None while there is no link."""
        return next(reversed(self._links.values()), None)

    @property
    def reason(self) -> str:
        """Why no better one carries, as a sentence; "" when it is the best."""
        if self.carrier is None:
            return ""
        return why_not_better(
            self._best_first, self.carrier, self._setbacks, site=self._offering.site
        )

    def to_try(self) -> list[Carrier]:
        """Every carrier that may carry, what works first."""
        return self._named(to_try(self._best_first, self._setbacks, time.time()))

    def may_use(self, name: CarrierName) -> bool:
        """The site has it, and the person has not chosen another."""
        return name in self._best_first

    def better_than(self, current: CarrierName) -> list[Carrier]:
        """What should be tried though ``current`` carries."""
        return self._named(better(self._best_first, current, self._setbacks, time.time()))

    def failed(self, name: CarrierName, error: SiteError) -> None:
        """It was denied, or does not work where another does."""
        self._setbacks[name] = Setback(str(error), time.time(), isinstance(error, CarrierDenied))
        self._changed()

    def ask_anew(self, name: CarrierName) -> None:
        """What kept it from carrying may be over."""
        if self._setbacks.pop(name, None) is not None:
            self._changed()

    def carries(self, link: str, name: CarrierName) -> None:
        """A link is up."""
        self._links.pop(link, None)
        self._links[link] = name
        self._setbacks.pop(name, None)
        self._changed()

    def lost(self, link: str) -> None:
        """A link went down. What broke it may have changed what is allowed: ask anew."""
        if link in self._links:
            self._setbacks = {n: back for n, back in self._setbacks.items() if not back.denied}
            self.forget(link)

    def forget(self, link: str) -> None:
        """A link is no more."""
        if self._links.pop(link, None) is not None:
            self._changed()

    @property
    def _best_first(self) -> tuple[CarrierName, ...]:
        return preferred(
            [carrier.name for carrier in self._offering.carriers],
            chosen=self._offering.profile.carrier,
            prefer=self._offering.prefer,
        )

    def _named(self, names: tuple[CarrierName, ...]) -> list[Carrier]:
        by_name = {carrier.name: carrier for carrier in self._offering.carriers}
        return [by_name[name] for name in names]
