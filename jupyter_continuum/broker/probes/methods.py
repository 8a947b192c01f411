"""What faces ask of probes."""

from __future__ import annotations

from typing import Any

from jupyter_continuum.broker.messages.probes import ReachView
from jupyter_continuum.broker.probes.plan import outbound_target, probe_plan
from jupyter_continuum.broker.probes.probes import Probes
from jupyter_continuum.broker.probes.probing import Order
from jupyter_continuum.broker.sites.reach import Reach, address_to_dial, surroundings, today
from jupyter_continuum.broker.sites.resolving import resolve_at
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.sites.probe.facts import Facts


class ProbeMethods:
    """To measure what works at a site, and to see what was measured."""

    def __init__(self, probes: Probes, sites: Sites, reach: Reach) -> None:
        self._probes = probes
        self._sites = sites
        self._reach = reach

    async def probe(
        self, *, site: str, offer: str = "", wait_minutes: float = 10, outbound: str = ""
    ) -> ReachView | None:
        session = self._sites.session(site)
        if not isinstance(wait_minutes, int | float) or not 0 <= wait_minutes <= 24 * 60:
            raise PlanRefused(f"{wait_minutes!r} is not a number of minutes from 0 to 1440.")
        target = outbound_target(outbound or address_to_dial(session))
        plan = probe_plan(self._sites.view(site).offers, site=site, offer=offer)
        group = resolve_at(self._sites, plan.model_dump(mode="json")).groups[0]
        order = Order(group, wait_seconds=60 * wait_minutes, outbound=target)

        def keep(job: str, facts: Facts) -> None:
            self._reach.record(site, group.offer, facts, job=job, today=today())
            self._reach.apply(session, today())

        if not await self._probes.run(session, order, keep):
            return None
        return self._reach.view(surroundings(session), today(), offer=group.offer)

    async def cancel_probe(self, *, site: str) -> dict[str, Any]:
        await self._probes.cancel(site)
        return {}

    async def reach(self, *, site: str, offer: str = "") -> ReachView | None:
        return self._reach.view(surroundings(self._sites.session(site)), today(), offer=offer)
