"""Data sets that a cluster was opened with and that must stay: what binds it while it lives.

Its scheduler lets in nobody who is elsewhere (``cluster.residence``), and says so before anything
is read. A bond is on disk before the scheduler hears of it, and is never taken back.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Protocol

from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.messages.datasets import ResidencyView
from jupyter_continuum.errors import BrokerError, PlanRefused
from jupyter_continuum.planning.amount import Stated
from jupyter_continuum.planning.residency import (
    Bond,
    Residency,
    allowed,
    barred,
    bond,
    in_the_way,
    refusal,
)

POLL_SECONDS = 30
"""The scheduler asks anew after so long: whoever it asked may be forgotten by then."""
CONFIRM_SECONDS = 30

Countries = Callable[[str], Stated | None]
"""Of a site; None where it is not known."""


class Resident(Protocol):
    """What this needs of its cluster."""

    name: str
    groups: dict[str, Group]

    def save(self) -> None:
        """May raise BrokerError."""

    def save_later(self) -> None: ...
    def changed(self) -> None: ...


class Residence:
    """Binds one cluster."""

    def __init__(self, cluster: Resident) -> None:
        self.bonds: dict[str, Bond] = {}
        """By data set."""
        self._cluster = cluster
        self._asked: Bond | None = None
        """Holds already, but is taken back where the scheduler has workers elsewhere."""
        self._attempt = ""
        """Tells this asking from an earlier one, to which an answer may come late."""
        self._elsewhere: list[str] = []
        """The sites for which it was taken back."""
        self._kept: list[str] | None = None
        """The sites that the scheduler keeps to, as it said last; it never lets in more again."""
        self._one_at_a_time = asyncio.Lock()
        self._news = asyncio.Event()

    def why_not(self, site: str) -> str:
        """Why no worker may come at ``site``; "" when one may."""
        return barred(self._all(), site, self._cluster.name)

    async def bind(self, asked: Residency, country: Countries) -> None:
        """No worker is elsewhere when this returns, and none will be.

        PlanRefused where some are or may come; BrokerError where that is not certain.
        """
        async with self._one_at_a_time:
            groups = self._cluster.groups.values()
            countries = {group.plan.site: country(group.plan.site) for group in groups}
            if why := refusal(asked, {}):
                raise PlanRefused(why)
            before = self.bonds.get(asked.dataset)
            made = bond(asked, countries, before)
            waiting = {group.plan.name: group.plan.site for group in groups if _may_come(group)}
            if why := in_the_way(made, waiting, self._cluster.name):
                raise PlanRefused(why)
            if made == before:
                return
            self._ask(made)
            try:
                self._cluster.save()
            except BrokerError:
                self._asked = None
                raise
            self._hear(self._kept, "", [])  # it may keep to no more sites already
            await self._until_the_scheduler_has_answered()
            if self._elsewhere:
                there = {site: country(site) for site in self._elsewhere}
                raise PlanRefused(refusal(asked, there) or _still_there(made, self._elsewhere))

    async def _until_the_scheduler_has_answered(self) -> None:
        self._tell()
        name = self._cluster.name
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                while self._asked is not None:
                    await self._news.wait()
        except TimeoutError:
            raise BrokerError(
                f"Nothing was opened: the scheduler of {name} has not said within "
                f"{CONFIRM_SECONDS} s that it lets nobody in elsewhere. Open it again; if that "
                f"stays so, launch another cluster."
            ) from None

    def _ask(self, made: Bond) -> None:
        self._asked, self._attempt, self._elsewhere = made, secrets.token_hex(4), []

    async def follow(
        self, *, kept: list[str] | None, refused: str, elsewhere: list[str]
    ) -> dict[str, Any]:
        """The scheduler lets in those at ``kept`` alone; what it is to keep to, as news.

        It did not do so at the attempt ``refused``, since it has workers ``elsewhere``.
        """
        self._hear(kept, refused, elsewhere)
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                while _obeyed(kept, self.sites) or refused == self._attempt:
                    await self._news.wait()
        return {"sites": self.sites, "attempt": self._attempt}

    @property
    def sites(self) -> list[str] | None:
        """Those at which workers may be; None is everywhere."""
        found = allowed(self._all())
        return None if found is None else sorted(found)

    def _hear(self, kept: list[str] | None, refused: str, elsewhere: list[str]) -> None:
        self._kept = kept
        if self._asked is None:
            return
        if _obeyed(kept, self.sites):
            self.bonds[self._asked.dataset] = self._asked
        elif refused == self._attempt:
            self._elsewhere = elsewhere
        else:
            return
        self._asked = None
        self._cluster.save_later()
        self._cluster.changed()
        self._tell()

    def _all(self) -> Sequence[Bond]:
        return [*self.bonds.values(), *([self._asked] if self._asked else [])]

    def views(self) -> list[ResidencyView]:
        return [
            ResidencyView(**asdict(each), said=each.said) for _, each in sorted(self.bonds.items())
        ]

    def to_disk(self) -> dict[str, Any]:
        return {
            "bonds": [asdict(each) for each in self.bonds.values()],
            "asked": asdict(self._asked) if self._asked else None,
        }

    def from_disk(self, stored: Mapping[str, Any]) -> None:
        """As an earlier broker left it."""
        self.bonds = {each["dataset"]: _bond(each) for each in stored["bonds"]}
        if stored["asked"]:
            self._ask(_bond(stored["asked"]))

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _may_come(group: Group) -> bool:
    return group.wanted > 0 or any(not job.cancelled_here for job in group.live)


def _obeyed(kept: list[str] | None, wanted: list[str] | None) -> bool:
    return wanted is None or (kept is not None and {*kept} <= {*wanted})


def _still_there(made: Bond, sites: Sequence[str]) -> str:
    return f"{made.rule}, and workers at {', '.join(sites)} have not left yet. Open it again then."


def _bond(stored: Mapping[str, Any]) -> Bond:
    lists = {name: tuple(stored[name]) for name in ("where", "sites")}
    return Bond(dataset=stored["dataset"], stays=stored["stays"], **lists)
