"""What counters measured of a group: each kind of them a part, with what it covers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from jupyter_continuum.planning.amount import Amount, Claims
from jupyter_continuum.planning.energy import carbon_kg
from jupyter_continuum.planning.hours import Span
from jupyter_continuum.planning.metering import Covers, Reading, Source, node_seconds
from jupyter_continuum.runs.record.model import EnergyPart, Quantity

JOULES_PER_KWH = 3.6e6
ENOUGH = 0.9
"""Counters that were read for less of the jobs' time measure a part of it, not the whole."""
CALLED: Mapping[Covers, Literal["devices", "processors", "memory", "nodes"]] = {
    "device": "devices",
    "package": "processors",
    "memory": "memory",
    "node": "nodes",
}
WORDS: Mapping[Source, str] = {
    "nvml": "NVIDIA's own counters (NVML)",
    "amdgpu": "the counters of AMD's driver",
    "cray": "the node's own counter (pm_counters)",
    "rapl": "the processors' own counters (RAPL)",
    "slurm": "Slurm's accounting (ConsumedEnergyRaw)",
}


def parts_of(
    readings: Sequence[Reading],
    ran: Span,
    nodes: int,
    *,
    share: float | None,
    site: str,
    of_site: Claims,
) -> tuple[EnergyPart, ...]:
    """``share`` is what part of each node the jobs asked for; None: unknown."""
    kinds: dict[tuple[Source, Covers], list[Reading]] = {}
    for each in readings:
        kinds.setdefault((each.source, each.covers), []).append(each)
    of_nodes = [
        each.alone for each in readings if each.covers != "device" and each.source != "slurm"
    ]
    alone = share == 1 or (bool(of_nodes) and all(of_nodes))
    made = []
    for (source, covers), those in kinds.items():
        energy = _energy(those, ran, nodes, share=1.0 if alone else share)
        made.append(
            EnergyPart(
                of=CALLED[covers],
                counter=source,
                others_in_it=False if alone or all(each.alone for each in those) else None,
                node_hours=round(node_seconds(those) / 3600, 6),
                energy=energy,
                carbon=carbon_of(energy, site, of_site),
            )
        )
    return tuple(made)


def carbon_of(energy: Quantity, site: str, of_site: Claims) -> Quantity:
    """What it emitted; of what is only known to be the least, the least."""

    def emitted(kwh: float | None) -> Amount:
        return carbon_kg(Amount(kwh, energy.kind), site, of_site)

    found = emitted(energy.value)
    least, most = (
        None if bound is None else emitted(bound).value for bound in (energy.least, energy.most)
    )
    return Quantity(
        value=_round(found.value),
        unit="kgCO2eq",
        kind=found.kind,
        least=_round(least),
        most=_round(most),
        source=found.source,
        reason=found.reason,
    )


def whole(parts: Sequence[EnergyPart]) -> Quantity | None:
    """Where whole nodes are measured, that is all of it; the site's own word comes second."""
    found = [part.energy for part in parts if part.of == "nodes" and part.energy.value is not None]
    return min(found, key=lambda each: each.kind != "measured", default=None)


def least_of(parts: Sequence[EnergyPart]) -> float:
    """Together, of what does not lie within each other, in kWh."""
    nodes = [part.energy.least or 0 for part in parts if part.of == "nodes"]
    inside = [part.energy.least or 0 for part in parts if part.of != "nodes"]
    return max([*nodes, sum(inside)])


def _energy(those: Sequence[Reading], ran: Span, nodes: int, *, share: float | None) -> Quantity:
    source = those[0].source
    kwh = _round(sum(each.joules for each in those) / JOULES_PER_KWH) or 0.0
    taken = _round(sum(_taken(each, share) for each in those) / JOULES_PER_KWH) or 0.0
    own = all(each.alone for each in those) or share == 1
    words = WORDS[source] + (", power read every two seconds" if those[0].sampled else "")
    unknown = Quantity(
        value=None,
        unit="kWh",
        kind="unknown",
        least=kwh if own else None,
        source=words,
    )
    whole_seconds = None if ran.seconds is None else ran.seconds * nodes
    read = node_seconds(those)
    if why := next((each.why for each in those if each.why), ""):
        return unknown.model_copy(update={"reason": f"Of a counter is told: {why}."})
    if not kwh:
        return unknown.model_copy(update={"reason": "Nothing was counted yet."})
    if not whole_seconds or read < ENOUGH * whole_seconds:
        of = "" if not whole_seconds else f" of {whole_seconds / 60:.3g}"
        reason = f"The counters were read for {read / 60:.3g}{of} node-minutes."
        return unknown.model_copy(update={"reason": reason})
    covered = f"read for {min(1.0, read / whole_seconds):.0%} of the jobs' time"
    if own:
        return Quantity(
            value=kwh,
            unit="kWh",
            kind="measured",
            least=kwh,
            source=f"{words}, {covered}",
        )
    if not taken:
        reason = "Others may have worked on the nodes, and what part of them the jobs had is not "
        return unknown.model_copy(update={"most": kwh, "reason": f"{reason}known."})
    return Quantity(
        value=taken,
        unit="kWh",
        kind="estimated",
        most=kwh,
        source=f"{words}, {covered}: {kwh:.4g} kWh with what others drew; the jobs' part by the "
        "processors that they asked for",
    )


def _taken(reading: Reading, share: float | None) -> float:
    """The jobs' part of what a counter says that others may be in; 0: unknown."""
    return reading.joules * (reading.share or share or 0)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 9)
