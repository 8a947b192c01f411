"""What a job costs for each node-hour, by claims, and what so many node-hours come to. Pure.

The same for a launch before it starts and for a cluster that runs: so many node-hours, so much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_continuum.planning.amount import Amount, Claims, unknown
from jupyter_continuum.planning.cost import eur_per_node_hour, node_share, total, unit_of
from jupyter_continuum.planning.energy import carbon_kg, with_cooling
from jupyter_continuum.planning.estimate import node_energy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """For an hour of one node of a job."""

    site: str
    share: Amount
    """How much of a node is charged."""
    eur: Amount
    unit: str
    """What the site counts an allocation in; "" when unknown."""
    units: Amount
    energy_kwh: Amount
    carbon_kg: Amount

    def of(self, node_hours: float) -> Costs:
        return Costs(
            eur=total(self.eur, node_hours, self.share),
            unit=self.unit,
            units=total(self.units, node_hours, self.share),
            energy_kwh=total(self.energy_kwh, node_hours, self.share),
            carbon_kg=total(self.carbon_kg, node_hours, self.share),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Of some hours of a group."""

    eur: Amount
    unit: str
    units: Amount
    energy_kwh: Amount
    """What the building drew, cooling included."""
    carbon_kg: Amount


def rates(
    site: str, of_site: Claims, of_offer: Claims, *, gpus: int, cores: int, here: bool
) -> Rates:
    """``gpus`` and ``cores`` that a job has of each node; ``here``: the person's own machine."""
    unit = unit_of(of_site, of_offer)
    energy = node_energy(site, of_site, of_offer, here=here)
    return Rates(
        site=site,
        share=node_share(gpus, cores, of_offer),
        eur=eur_per_node_hour(site, of_site, of_offer, here=here),
        unit=unit.name,
        units=unit.per_node,
        energy_kwh=with_cooling(energy, of_site),
        carbon_kg=energy if energy.value is None else carbon_kg(energy, site, of_site),
    )


def hourly(nodes: Sequence[tuple[Rates, float]], field: str) -> Amount:
    """``field`` in an hour of the nodes that run now, which draining ones do.

    Where none does any more nothing is spent, known or not, and nothing is said of it.
    """
    running = [part for part in nodes if part[1]] or nodes
    return together([(rates.site, getattr(rates.of(count), field)) for rates, count in running])


def together(parts: Sequence[tuple[str, Amount]]) -> Amount:
    """The sum of what is known, by site; ``reason`` beside a value says what is not in it."""
    missing = {site: amount.reason for site, amount in parts if amount.value is None}
    without = " ".join(f"Without {site}: {why}" for site, why in missing.items())
    known = [(site, amount) for site, amount in parts if amount.value is not None]
    if not known:
        return unknown(" ".join(missing.values()) or "It has no groups.")
    kinds = {amount.kind for _, amount in known if amount.value}
    return Amount(
        sum(amount.value or 0.0 for _, amount in known),
        "estimated" if len(kinds) != 1 else kinds.pop(),
        "; ".join(dict.fromkeys(f"{site}: {amount.source}" for site, amount in known)),
        without,
    )
