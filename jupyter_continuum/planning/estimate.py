"""What is expected of an offer before anything is asked of it: wait, cost, energy, carbon. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_continuum.planning.allocation import Charged, left, own_unit
from jupyter_continuum.planning.amount import Amount, Claims, number, unknown
from jupyter_continuum.planning.cost import eur_per_node_hour, is_whole, unit_of
from jupyter_continuum.planning.energy import carbon_kg, energy_kwh, node_power, with_cooling
from jupyter_continuum.planning.wait import Wait
from jupyter_continuum.sites.protocols import Books


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Of one offer. Amounts are for an hour of one device on a node that is put to full use."""

    offer: str
    per: str
    """The device: ``GPU``, ``GCD`` (as the batch system counts them), ``node`` without either."""
    wait: Wait
    eur: Amount
    unit: str
    """What the site counts an allocation in; "" when unknown."""
    units: Amount
    left: Amount
    """Of the person's allocation, in that unit."""
    whole_node: bool | None
    energy_kwh: Amount
    carbon_g: Amount


def estimate(
    offer: str,
    of_site: Claims,
    of_offer: Claims,
    *,
    wait: Wait,
    books: Books | None,
    charged: Charged,
    here: bool,
) -> Estimate:
    """``books``: of the site, as last told. ``here``: the person's own machine, whose power nobody
    measures.
    """
    site = offer.partition("/")[0]
    gpus = number(of_offer, "gpus_per_node")
    model = of_offer.get("gpu_model")
    unit = own_unit(unit_of(of_site, of_offer), books, charged, of_offer)
    energy = node_energy(site, of_site, of_offer, here=here)
    carbon = energy if energy.value is None else carbon_kg(energy, site, of_site)
    grams = carbon if carbon.value is None else _scaled(carbon, 1000)
    as_gcd = model is not None and "GCD" in str(model.value)
    devices = gpus or 1.0
    return Estimate(
        offer=offer,
        per="node" if not gpus else "GCD" if as_gcd else "GPU",
        wait=wait,
        eur=_scaled(eur_per_node_hour(site, of_site, of_offer, here=here), 1 / devices),
        unit=unit.name,
        units=_scaled(unit.per_node, 1 / devices),
        left=left(books, charged, unit, of_offer),
        whole_node=is_whole(of_offer),
        energy_kwh=_scaled(with_cooling(energy, of_site), 1 / devices),
        carbon_g=_scaled(grams, 1 / devices),
    )


def node_energy(site: str, of_site: Claims, of_offer: Claims, *, here: bool) -> Amount:
    """kWh of an hour of one node at full load, without cooling."""
    if here:
        return unknown(f"{site} is on this machine, whose power nothing here measures.")
    return energy_kwh(1.0, node_power(site, of_site, of_offer))


def _scaled(amount: Amount, factor: float) -> Amount:
    if amount.value is None:
        return amount
    return Amount(amount.value * factor, amount.kind, amount.source, date=amount.date)
