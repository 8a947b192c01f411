"""What a launch would do, to the letter, before it does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jupyter_continuum.broker.clusters.job import JobEntry, request
from jupyter_continuum.broker.messages.clusters import DryRun, GroupDryRun
from jupyter_continuum.broker.messages.environments import ParityView
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.planning.resolve import ResolvedGroup, ResolvedPlan
from jupyter_continuum.sites.protocols import JobRequest


def first_request(plan: ResolvedPlan, group: ResolvedGroup) -> JobRequest:
    """What the first job of the group would be asked with."""
    name = plan.name or "cluster"
    return request(
        JobEntry.plan(name, group, 0),
        group,
        cluster=name,
        cluster_id="000000",
        lease_seconds=plan.lease_seconds,
        direct="none",
    )


def dry_run(
    plan: ResolvedPlan, session: Callable[[str], Session], parity: Sequence[ParityView]
) -> DryRun:
    """The script of one job of each group, and what would refuse it. Nothing is sent."""
    name = plan.name or "cluster"
    groups = []
    for group in plan.groups:
        asked = first_request(plan, group)
        groups.append(
            GroupDryRun(
                group=group.name,
                offer=group.offer,
                jobs=group.jobs,
                workers=group.workers,
                script=session(group.site).launcher.script(asked),
            )
        )
    refusals = [view.refusal for view in parity if view.refusal]
    told = [warning for view in parity for warning in view.warnings]
    return DryRun(
        cluster=name,
        groups=groups,
        warnings=[*refusals, *plan.warnings, *told],
        parity=list(parity),
    )
