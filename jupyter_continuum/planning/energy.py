"""What work at a site drew and what that emitted, as far as can be said: or why it cannot. Pure.

Nothing is guessed: an estimate rests on claims with a source, and names them.
"""

from __future__ import annotations

from jupyter_continuum.planning.amount import UNSOURCED, Amount, Claims, Stated, number, unknown

CARBON = "gco2eq_per_kwh"
"""Of the electricity where a site is, by the year."""
NODES = "machine_nodes"
"""How many nodes drew the power that is claimed of the machine."""
WATTS = "device_watts"
"""Rated power of one GPU of the offer."""


def node_kw(site: str, of_site: Claims, nodes: Stated | None) -> Amount:
    """The mean power of one node while the whole machine computed its LINPACK.

    An upper estimate for most work: LINPACK keeps every device busy.
    """
    power = of_site.get("power_kw_linpack")
    if power is None:
        return unknown(f"The catalogue holds no power draw of {site}.")
    if power.kind in UNSOURCED:
        return unknown(
            f"The catalogue's power draw of {site} has no source, and no estimate rests on it."
        )
    if not isinstance(power.value, int | float):
        return unknown(
            f"The catalogue's power draw of {site} is of parts of it, and which part an offer "
            "belongs to is not known."
        )
    if nodes is None or nodes.kind in UNSOURCED or not nodes.value:
        return unknown(f"How many nodes of {site} drew that power is not known.")
    source = f"{power.words} kW under LINPACK / {nodes.words} nodes"
    return Amount(power.value / nodes.value, "estimated", source)


def node_power(site: str, of_site: Claims, of_offer: Claims) -> Amount:
    """kW of one node at full load: as the machine was measured, else as its GPUs are rated."""
    measured = node_kw(site, of_site, of_offer.get(NODES))
    devices, watts = number(of_offer, "gpus_per_node"), of_offer.get(WATTS)
    if measured.value is not None or not devices or watts is None or not watts.sourced:
        return measured
    return Amount(
        devices * watts.value / 1000,
        "estimated",
        f"{devices:g} GPUs x {watts.words} W at full load; processors and memory not counted",
        date=watts.date,
    )


def energy_kwh(node_hours: float, node: Amount) -> Amount:
    """Of so many hours of whole nodes."""
    if node.value is None:
        return node
    times = "" if node_hours == 1 else f"{node_hours:.4g} node-hours x "
    source = f"{times}{node.source}; whole nodes at full load"
    return Amount(node_hours * node.value, "estimated", source)


def carbon_kg(energy: Amount, site: str, of_site: Claims) -> Amount:
    """What ``energy`` emitted, by the yearly mean of the country's electricity."""
    if energy.value is None:
        return unknown("Its energy is not known.")
    if not energy.value:
        return Amount(0.0, energy.kind, energy.source)
    intensity = of_site.get(CARBON)
    if intensity is None:
        return unknown(f"The carbon intensity of the electricity of {site} is not known.")
    if not intensity.sourced:
        return unknown(f"That {site} is in the country whose electricity is known, has no source.")
    factor, words = _cooling(of_site)
    source = f"energy x {intensity.words} gCO2eq/kWh, {words}"
    emitted = energy.value * factor * intensity.value / 1000
    return Amount(emitted, "estimated", source, date=intensity.date)


def with_cooling(energy: Amount, of_site: Claims) -> Amount:
    """What the building drew for it."""
    if not energy.value:
        return energy
    factor, words = _cooling(of_site)
    return Amount(energy.value * factor, energy.kind, f"{energy.source}; {words}", date=energy.date)


def _cooling(of_site: Claims) -> tuple[float, str]:
    pue = of_site.get("pue")
    if pue is None or not pue.sourced or not isinstance(pue.value, int | float):
        return 1.0, "without cooling: the PUE is not known, or has no source"
    return float(pue.value), f"PUE {pue.words}"
