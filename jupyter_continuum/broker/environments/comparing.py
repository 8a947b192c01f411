"""The worker environments of a plan, beside ours."""

from __future__ import annotations

from jupyter_continuum.broker.environments.installed import Environments, Interpreter
from jupyter_continuum.broker.environments.parity import refuse, views
from jupyter_continuum.broker.messages.environments import ParityView
from jupyter_continuum.broker.sites.reach import Reach, today
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.planning.resolve import ResolvedPlan


class Comparing:
    """Asks sites whose environments are not known."""

    def __init__(self, environments: Environments, sites: Sites, reach: Reach) -> None:
        self._environments = environments
        self._sites = sites
        self._reach = reach

    async def compare(self, plan: ResolvedPlan) -> list[ParityView]:
        wanted: list[tuple[Session, Interpreter]] = []
        drivers: dict[Interpreter, str] = {}
        for group in plan.groups:
            session = self._sites.session(group.site)
            interpreter = Interpreter.of(session, group.python, group.prologue)
            wanted.append((session, interpreter))
            if group.gpus_per_worker:
                facts = self._reach.facts(group.site, group.offer, today())
                drivers[interpreter] = facts.cuda or ""
        return views(await self._environments.answers(wanted), drivers)

    async def check(self, plan: ResolvedPlan) -> None:
        """PlanRefused when an environment cannot be part of the cluster."""
        refuse(await self.compare(plan))
