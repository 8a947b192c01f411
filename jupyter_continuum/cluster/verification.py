"""Joining is verified: a newcomer, the scheduler and one worker of each other site dial."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Iterable

from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.scheduler import Scheduler

from jupyter_continuum.cluster import reachability
from jupyter_continuum.cluster.dialling import ask, ask_one_known
from jupyter_continuum.cluster.placement import GapScheduler
from jupyter_continuum.cluster.reachability import dial_seconds, pause_seconds, site_of
from jupyter_continuum.relay.address import HOME, parse

logger = logging.getLogger(__name__)


class Verification(SchedulerPlugin):
    """Finds gaps between workers and sites, tells the scheduler, and looks again until they heal.

    Until a newcomer is verified it gets no task whose data is at another site: it takes one
    round trip, or ``DIAL_SECONDS`` where there is no way.
    """

    name = "continuum-verification"

    def __init__(self, scheduler: GapScheduler) -> None:
        self._scheduler = scheduler
        self._sites: dict[str, list[str]] = {}
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, asyncio.Event] = {}
        self._turns = itertools.count()
        self.found: dict[str, frozenset[str]] = {}
        """What a verified worker does not reach: sites, or HOME for the scheduler."""

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        site = site_of(worker)
        if not site:
            return
        others = frozenset(self._sites) - {site}
        self._sites.setdefault(site, []).append(worker)
        self._scheduler.set_gaps(worker, others)
        self._check(worker)

    def remove_worker(
        self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **kwargs: object
    ) -> None:
        site = site_of(worker)
        members = self._sites.get(site, [])
        if worker in members:
            members.remove(worker)
        if not members:
            self._sites.pop(site, None)
        self.found.pop(worker, None)
        if worker in self._checks:
            self._checks.pop(worker).cancel()
            del self._again[worker]
        self._scheduler.forget_gaps(worker)

    async def before_close(self) -> None:
        checks, self._checks = list(self._checks.values()), {}
        for check in checks:
            check.cancel()
        if checks:
            await asyncio.wait(checks)

    def look_again(self, agents: Iterable[str]) -> None:
        """The way to these agents (``site.agent``) has changed."""
        changed = {*agents}
        for worker in self._scheduler.workers:
            if site_of(worker) and parse(worker).exchange in changed:
                if worker in self._checks:
                    self._again[worker].set()
                else:
                    self._check(worker)

    def _check(self, worker: str) -> None:
        self._again[worker] = asyncio.Event()
        check = asyncio.create_task(self._verify(worker), name=f"verify {worker}")
        self._checks[worker] = check
        check.add_done_callback(lambda _: self._checked(worker, check))

    def _checked(self, worker: str, check: asyncio.Task[None]) -> None:
        if self._checks.get(worker) is check:
            del self._checks[worker], self._again[worker]
        if not check.cancelled() and (error := check.exception()):
            logger.error("Whether %s is reached could not be verified", worker, exc_info=error)

    async def _verify(self, worker: str) -> None:
        """Look, and look again while there is a gap."""
        failures = 0
        partners: dict[str, str] = {}
        again = self._again[worker]
        while True:
            again.clear()
            before, partners = partners, self._partners(worker)
            try:
                found = await self._look(worker, partners, dial_seconds(failures))
            except Exception:  # what nobody foresaw: its gaps stay, and are looked at again
                logger.exception("Whether %s is reached could not be verified", worker)
            else:
                self._note(worker, found)
                # Another worker of that site got through: the one before may be at fault.
                for site in set(before) & set(partners) - found:
                    if before[site] != partners[site] and before[site] not in self._checks:
                        self._check(before[site])
                if not found:
                    return
            failures += 1
            try:
                async with asyncio.timeout(pause_seconds(failures, random.random())):
                    await again.wait()
            except TimeoutError:
                continue

    def _partners(self, worker: str) -> dict[str, str]:
        gaps = self._scheduler.gaps
        return reachability.representatives(worker, self._sites, gaps, turn=next(self._turns))

    async def _look(self, worker: str, partners: dict[str, str], seconds: float) -> frozenset[str]:
        """The sites that ``worker`` cannot exchange results with; HOME for the scheduler."""
        scheduler = self._scheduler
        outward, *inward = await asyncio.gather(
            ask(worker, partners.values(), seconds, scheduler.connection_args),
            *(
                ask_one_known(scheduler.rpc(partner), [worker], seconds)
                for partner in partners.values()
            ),
        )
        if outward is None:
            return frozenset({HOME})
        gaps = set()
        for (site, partner), silent in zip(partners.items(), inward, strict=True):
            if silent is None:  # it says nothing of the newcomer, and has to be looked at itself
                if partner not in self._checks and partner in self._scheduler.workers:
                    self._check(partner)
            elif worker in silent or partner in outward:
                gaps.add(site)
        return frozenset(gaps)

    def _note(self, worker: str, found: frozenset[str]) -> None:
        if worker not in self._scheduler.workers:
            return
        first = worker not in self.found
        if found != self.found.get(worker, frozenset()):
            way = f"unreachable from {', '.join(sorted(found))}" if found else "reached again"
            logger.warning("%s is %s", worker, way)
        self.found[worker] = found
        told = {"action": "reachability", "unreachable_from": sorted(found)}
        self._scheduler.log_event(worker, told)
        self._scheduler.set_gaps(worker, found, leave_running=not first)
