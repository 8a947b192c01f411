"""Hours, energy and carbon of a group, and of all of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_continuum.broker.messages.records import ClaimFacts, GroupFacts
from jupyter_continuum.planning.amount import Amount, Stated, unknown
from jupyter_continuum.planning.energy import energy_kwh, node_power
from jupyter_continuum.planning.hours import Span
from jupyter_continuum.planning.metering import Reading
from jupyter_continuum.runs.record.metered import carbon_of, least_of, parts_of, whole
from jupyter_continuum.runs.record.model import EnergyPart, GroupPart, Quantity, Totals, Traffic

Unit = Literal["h", "kWh", "kgCO2eq"]
BY_SITE = "start and end of each job by the site's own clock"
BY_BROKER = "changes of each job as the broker saw them"


@dataclass(frozen=True, slots=True)
class Offered:
    """What is known of the offer of a group."""

    site: str
    here: bool
    """Its work ran on the person's own machine."""
    of_site: Mapping[str, ClaimFacts]
    of_offer: Mapping[str, ClaimFacts]


def of_group(
    group: GroupFacts, ran: Span, offered: Offered, readings: Sequence[Reading]
) -> dict[str, Any]:
    """The quantities of a GroupPart, by field, and what counters measured."""
    nodes = group.nodes
    cores = nodes * group.workers_per_node * group.cpus_per_worker
    devices = nodes * group.workers_per_node * group.gpus_per_worker
    of_site = _stated(offered.of_site)
    share = _share(group, offered)
    parts = parts_of(readings, ran, nodes, share=share, site=offered.site, of_site=of_site)
    energy = _energy(group, ran, offered, parts)
    return {
        "wall_hours": _hours(ran, 1),
        "core_hours": _hours(ran, cores),
        "device_hours": _hours(ran, devices),
        "energy": energy,
        "carbon": carbon_of(energy, offered.site, of_site),
        "energy_parts": parts,
    }


def _hours(ran: Span, factor: int) -> Quantity:
    if not factor:
        none = "none were asked for"
        return Quantity(value=0, unit="h", kind="measured", least=0, most=0, source=none)
    if ran.seconds is None:
        return Quantity(
            value=None,
            unit="h",
            kind="unknown",
            least=_in_hours(ran.least, factor),
            most=_in_hours(ran.most, factor),
            reason="Its jobs were over when they were first seen, and the site does not say more.",
        )
    return Quantity(
        value=_in_hours(ran.seconds, factor),
        unit="h",
        kind="measured",
        least=_in_hours(ran.least, factor),
        most=_in_hours(ran.most, factor),
        source=BY_SITE if ran.by_site else BY_BROKER,
    )


def _in_hours(seconds: float, factor: int) -> float:
    return round(seconds * factor / 3600, 6)


def _energy(
    group: GroupFacts, ran: Span, offered: Offered, parts: Sequence[EnergyPart]
) -> Quantity:
    """Of the jobs' whole part of their nodes: measured, else estimated; and at least what is."""
    if (measured := whole(parts)) is not None:
        return measured
    estimate = _estimate(group, ran, offered)
    told = sorted({part.of for part in parts if part.energy.value is not None})
    if not told:
        return _quantity(estimate, "kWh")
    least = least_of(parts) or None
    names = " and ".join(told)
    if estimate.value is not None and estimate.value >= (least or 0):
        also = f"{estimate.source}; measured are its {names} alone, as its parts say"
        estimated = _quantity(estimate, "kWh")
        return estimated.model_copy(update={"least": least, "source": also})
    reason = (
        f"What its {names} drew is known, as its parts say; what else its nodes drew is not."
        if estimate.value is None
        else f"Its {names} drew more than an estimate says ({estimate.value:.4g} kWh: "
        f"{estimate.source})."
    )
    return Quantity(value=None, unit="kWh", kind="unknown", least=least, reason=reason)


def _estimate(group: GroupFacts, ran: Span, offered: Offered) -> Amount:
    if ran.seconds == 0:
        return Amount(0.0, "measured", "no job ran")
    if offered.here:
        return unknown(f"{offered.site} is on this machine, whose power nothing here measures.")
    if ran.seconds is None:
        return unknown("How long its jobs ran is not known.")
    counters = f" Its nodes have counters ({', '.join(group.counters)}), which told nothing of use."
    found = node_power(offered.site, _stated(offered.of_site), _stated(offered.of_offer))
    if found.value is None:
        return unknown(found.reason + (counters if group.counters else ""))
    share = _share(group, offered)
    if share is None:
        return unknown(f"What part of a node of {group.offer} its jobs had is not known.")
    return energy_kwh(ran.seconds / 3600 * group.nodes * share, found)


def _share(group: GroupFacts, offered: Offered) -> float | None:
    """How much of each node the jobs asked for: by devices where it has some, else by cores."""
    devices = group.gpus_per_worker * group.workers_per_node
    cores = group.cpus_per_worker * group.workers_per_node
    asked, field = (devices, "gpus_per_node") if devices else (cores, "cores_per_node")
    whole = offered.of_offer.get(field)
    if whole is None or not isinstance(whole.value, int | float) or not whole.value:
        return None
    return min(1.0, asked / whole.value)


def _stated(claims: Mapping[str, ClaimFacts]) -> dict[str, Stated]:
    return {
        name: Stated(each.value, each.kind, each.source, each.observed)
        for name, each in claims.items()
    }


def _quantity(amount: Amount, unit: Unit) -> Quantity:
    return Quantity(
        value=None if amount.value is None else round(amount.value, 6),
        unit=unit,
        kind=amount.kind,
        source=amount.source,
        reason=amount.reason,
    )


# All groups ----------------------------------------------------------------------------------


def totals(groups: Sequence[GroupPart], traffic: Iterable[Traffic]) -> Totals:
    passed = [each for each in traffic if each.source != each.target]
    return Totals(
        wall_hours=_sum([group.wall_hours for group in groups], "h"),
        core_hours=_sum([group.core_hours for group in groups], "h"),
        device_hours=_sum([group.device_hours for group in groups], "h"),
        energy=_sum([group.energy for group in groups], "kWh"),
        carbon=_sum([group.carbon for group in groups], "kgCO2eq"),
        bytes_between_sites=sum(each.bytes for each in passed),
        bytes_across_borders=sum(each.bytes for each in passed if each.crosses_border),
        bytes_across_unknown_borders=sum(
            each.bytes for each in passed if each.crosses_border is None
        ),
    )


def _sum(parts: Sequence[Quantity], unit: Unit) -> Quantity:
    """Known only where every part is: a sum without some would pass for the whole."""
    missing = [part for part in parts if part.value is None]
    leasts = [part.least for part in parts if part.least is not None]
    least = round(sum(leasts), 6) if leasts else None
    bounded = parts and all(part.most is not None for part in parts)
    most = round(sum(part.most or 0 for part in parts), 6) if bounded else None
    if missing or not parts:
        reason = (
            f"Of {len(missing)} of {len(parts)} groups it is unknown." if parts else "No group."
        )
        return Quantity(
            value=None, unit=unit, kind="unknown", least=least, most=most, reason=reason
        )
    measured = sum(part.kind == "measured" for part in parts)
    mixed = f", measured for {measured} of {len(parts)}" if 0 < measured < len(parts) else ""
    return Quantity(
        value=round(sum(part.value or 0 for part in parts), 6),
        unit=unit,
        kind="measured" if measured == len(parts) else "estimated",
        least=least,
        most=most,
        source=f"the sum of the groups{mixed}",
    )
