"""What a probe asks for: the smallest job of an offer, and whom its node dials. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jupyter_continuum.broker.messages.sites import OfferView
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.plan import GroupPlan, Plan

WALLTIME_MINUTES = 2
WELL_KNOWN = ("pypi.org", 443)
"""Dialled where the person has no address of their own: what a pip install would dial."""
_TARGET = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]{0,252}):([0-9]{1,5})")


def probe_plan(offers: Sequence[OfferView], *, site: str, offer: str = "") -> Plan:
    """One node, one core, one GPU where it has some. PlanRefused says why there is none."""
    if offer and offer.partition("/")[0] != site:
        raise PlanRefused(
            f"{offer!r} is no offer of {site}. `jupyter continuum offers` lists them."
        )
    name = offer or _easiest(offers, site).id
    limits = {each.id: each.max_walltime_minutes for each in offers}
    minutes = min(WALLTIME_MINUTES, limits.get(name) or WALLTIME_MINUTES)
    group = GroupPlan(
        offer=name,
        name="probe",
        workers_per_node=1,
        cpus_per_worker=1,
        walltime_minutes=max(1, minutes),
    )
    return Plan(groups=(group,))


def outbound_target(text: str) -> tuple[str, int]:
    """``host:port``; the well-known one for "". PlanRefused for what is none."""
    if not text:
        return WELL_KNOWN
    match = _TARGET.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise PlanRefused(
            f"{text!r} is no HOST:PORT. Write it like {':'.join(map(str, WELL_KNOWN))}."
        )
    return match[1], int(match[2])


def _easiest(offers: Sequence[OfferView], site: str) -> OfferView:
    """Where one core is had soonest: without GPUs, with the most nodes free."""
    able = [offer for offer in offers if offer.launchable]
    if not able:
        why = next((offer.reason for offer in offers if offer.reason), "It shows no offer.")
        raise PlanRefused(f"{site} has no offer to run a probe on now. {why}")
    return min(
        able,
        key=lambda offer: (
            bool(offer.gpus_per_node),
            -(offer.nodes_free or 0),
            offer.jobs_pending or 0,
            offer.id,
        ),
    )
