"""What work at a site drew and what that emitted, as far as can be said: or why it cannot. Pure.

Nothing is guessed: an estimate rests on claims with a source, and names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

UNSOURCED = ("unverified",)
"""Kinds of claims on which no estimate rests."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number and how it is known; ``value`` None with a ``reason``."""

    value: float | None
    kind: Literal["measured", "estimated", "unknown"]
    source: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stated:
    """A claim as the estimate takes it."""

    value: Any  # whatever the claim holds
    kind: str
    source: str = ""

    @property
    def words(self) -> str:
        return f"{self.value:g} ({self.kind}: {self.source or 'no source named'})"


Claims = Mapping[str, Stated]
"""Of one site or offer, by field."""


def unknown(reason: str) -> Amount:
    return Amount(None, "unknown", reason=reason)


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


def energy_kwh(node_hours: float, node: Amount) -> Amount:
    """Of so many hours of whole nodes."""
    if node.value is None:
        return node
    source = f"{node_hours:.4g} node-hours x {node.source}; whole nodes at full load"
    return Amount(node_hours * node.value, "estimated", source)


def carbon_kg(energy: Amount, site: str, of_site: Claims) -> Amount:
    """What ``energy`` emitted, by the yearly mean of the country's electricity."""
    if energy.value is None:
        return unknown("Its energy is not known.")
    if not energy.value:
        return Amount(0.0, energy.kind, energy.source)
    intensity = of_site.get("gco2eq_per_kwh")
    if intensity is None:
        return unknown(f"The carbon intensity of the electricity of {site} is not known.")
    pue = of_site.get("pue")
    if pue is None or pue.kind in UNSOURCED or not isinstance(pue.value, int | float):
        factor, words = 1.0, "without cooling: the PUE is not known, or has no source"
    else:
        factor, words = float(pue.value), f"PUE {pue.words}"
    source = f"energy x {intensity.words} gCO2eq/kWh, {words}"
    return Amount(energy.value * factor * intensity.value / 1000, "estimated", source)
