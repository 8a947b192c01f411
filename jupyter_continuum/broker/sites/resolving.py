"""A face's plan against what the person's sites offer now."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.broker.sites.view import known_offers, known_site
from jupyter_continuum.broker.words import first_fault
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.plan import Plan
from jupyter_continuum.planning.resolve import ResolvedPlan, resolve


def resolve_at(sites: Sites, plan: dict[str, Any]) -> ResolvedPlan:
    """PlanRefused says what is wrong with the plan, or why it cannot be launched."""
    try:
        wanted = Plan.model_validate(plan)
    except ValidationError as error:
        raise PlanRefused(f"The plan is not valid: {first_fault(error)}") from error
    offers = [
        offer for id in sites.ids for offer in known_offers(sites.view(id), sites.sessions.get(id))
    ]
    return resolve(wanted, offers, [known_site(each) for each in sites.sessions.values()])
