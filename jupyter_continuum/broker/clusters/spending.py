"""What a cluster has spent so far, beside the ceilings that it was launched under."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.ledger import Ledger, job_facts
from jupyter_continuum.broker.sites.claims import stated
from jupyter_continuum.planning.amount import Amount
from jupyter_continuum.planning.ceilings import FINE, Step, step, worst
from jupyter_continuum.planning.hours import span
from jupyter_continuum.planning.policy import Policy
from jupyter_continuum.planning.rates import Rates, hourly, rates, together
from jupyter_continuum.planning.reconcile import Phase


class Spender(Protocol):
    """What is needed of its cluster."""

    groups: dict[str, Group]
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Spent:
    """By all groups: so far, and in an hour of the jobs that run now."""

    eur: Amount
    eur_per_hour: Amount
    carbon_kg: Amount
    carbon_kg_per_hour: Amount


class Spending:
    """Prices and power are those that were known at the launch, as the policy was."""

    def __init__(self, cluster: Spender) -> None:
        self._cluster = cluster
        basis = cluster.ledger.basis
        facts = basis.policy
        self._policy = Policy.model_validate(facts.limits) if facts else Policy()
        self._rates = dict(self._of_groups())

    def spent(self) -> Spent:
        groups = [
            (group, found)
            for name, group in self._cluster.groups.items()
            if (found := self._rates.get(name)) is not None
        ]
        so_far = [(found.site, found.of(self._node_hours(group))) for group, found in groups]
        running = [(found, _running_nodes(group)) for group, found in groups]
        return Spent(
            together([(site, costs.eur) for site, costs in so_far]),
            hourly(running, "eur"),
            together([(site, costs.carbon_kg) for site, costs in so_far]),
            hourly(running, "carbon_kg"),
        )

    def step(self, site: str) -> Step:
        """What the groups at ``site`` may do now."""
        policy = self._policy
        if not policy.limits:
            return FINE
        steps = []
        if policy.max_eur is not None:
            steps.append(self._step("eur", policy.max_eur, "EUR"))
        if policy.max_carbon_kg is not None:
            steps.append(self._step("carbon_kg", policy.max_carbon_kg, "kgCO2eq"))
        if (most := policy.max_allocation.get(site)) is not None:
            unit = next((r.unit for r in self._rates.values() if r.site == site and r.unit), "unit")
            steps.append(self._step("units", most, f"{unit}s", site))
        return worst(steps)

    def _step(self, field: str, most: float, unit: str, site: str = "") -> Step:
        """Of what is known: what is not was accepted at the launch."""
        spent = per_hour = 0.0
        for name, group in self._cluster.groups.items():
            found = self._rates.get(name)
            if found is None or (site and found.site != site):
                continue
            so_far = getattr(found.of(self._node_hours(group)), field).value
            hourly = getattr(found.of(float(group.wanted * group.plan.nodes)), field).value
            spent, per_hour = spent + (so_far or 0.0), per_hour + (hourly or 0.0)
        return step(spent, per_hour, most, unit)

    def _node_hours(self, group: Group) -> float:
        """As far as was watched."""
        name, ledger, now = group.plan.name, self._cluster.ledger, datetime.now(UTC)
        own = [
            *(job for job in ledger.jobs if job.group == name),
            *(job_facts(name, job) for job in group.jobs),
        ]
        seconds = sum(span(job, end=now).seconds or 0.0 for job in own)
        if (earlier := ledger.earlier.get(name)) is not None:
            seconds += earlier.seconds
        return seconds * group.plan.nodes / 3600

    def _of_groups(self) -> Iterator[tuple[str, Rates]]:
        basis, today = self._cluster.ledger.basis, datetime.now(UTC).date()
        here = {site.id for site in basis.sites if site.kind in ("local", "emulated")}
        for group in basis.groups:
            yield (
                group.name,
                rates(
                    group.site,
                    stated((c for c in basis.claims if c.about == group.site), today),
                    stated((c for c in basis.claims if c.about == group.offer), today),
                    gpus=group.gpus_per_worker * group.workers_per_node,
                    cores=group.cpus_per_worker * group.workers_per_node,
                    here=group.site in here,
                ),
            )


def _running_nodes(group: Group) -> float:
    return float(sum(job.phase is Phase.RUNNING for job in group.jobs) * group.plan.nodes)
