"""What a pod flavour can be had for now: declaration, quota, limits, and nodes where they may
be read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from jupyter_continuum.sites.kubernetes.status import Record, mapping, text, words
from jupyter_continuum.sites.profile import PodFlavour, Toleration
from jupyter_continuum.sites.protocols import OfferStatus

UNITS: dict[str, Fraction | int] = {
    "": 1, "m": Fraction(1, 1000), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
    "u": Fraction(1, 10**6), "n": Fraction(1, 10**9), "E": 10**18, "Ei": 2**60,
}  # fmt: skip
_QUANTITY = re.compile(r"(\d{1,18}(?:\.\d{0,9})?)(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)")
PRODUCT = "nvidia.com/gpu.product"
"""Label that NVIDIA's feature discovery puts on nodes."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What was read of the site; None where it may not be read."""

    quotas: Sequence[Record] | None = ()
    limit_ranges: Sequence[Record] | None = ()
    nodes: Sequence[Record] | None = None
    pods: Sequence[Record] | None = None
    """Of all namespaces."""


@dataclass(slots=True)
class _Room:
    """One node that pods of a flavour may go to, and what is left on it."""

    total: dict[str, Fraction]
    left: dict[str, Fraction] = field(default_factory=dict)
    product: str = ""


def offers(flavours: Iterable[PodFlavour], holding: Holding) -> tuple[OfferStatus, ...]:
    """One status a flavour. What is free is None where nodes or pods may not be read."""
    return tuple(_offer(flavour, holding) for flavour in flavours)


def need(flavour: PodFlavour) -> dict[str, Fraction]:
    """What a whole pod of the flavour requests."""
    wanted = {"cpu": Fraction(flavour.cpus), "memory": Fraction(int(flavour.memory_gb * 10**9))}
    return wanted | ({flavour.gpu_resource: Fraction(flavour.gpus)} if flavour.gpus else {})


def _offer(flavour: PodFlavour, holding: Holding) -> OfferStatus:
    most = _largest(holding.limit_ranges or ())
    cpus = min(flavour.cpus, int(most.get("cpu", flavour.cpus)))
    memory = min(flavour.memory_gb, float(most.get("memory", 10**15)) / 10**9)
    minutes = flavour.max_walltime_minutes
    status = OfferStatus(
        flavour.name,
        gpu_type=flavour.gpu_model or "",
        gpus_per_node=flavour.gpus,
        cpus_per_node=cpus,
        memory_gb_per_node=memory,
        max_walltime_seconds=minutes * 60 if minutes else None,
        max_nodes=1,
        state=_state(flavour, holding),
    )
    if holding.nodes is None or holding.pods is None:
        return status
    return _counted(status, flavour, holding.nodes, holding.pods)


def _state(flavour: PodFlavour, holding: Holding) -> str:
    lacking = exhausted(flavour, holding.quotas or ())
    return f"out of quota ({lacking})" if lacking else "UP"


def exhausted(flavour: PodFlavour, quotas: Iterable[Record]) -> str:
    """``requests.cpu: 4 of 4 used`` for the first quota that leaves no room; else ""."""
    for quota in quotas:
        status = mapping(quota.get("status"))
        hard, used = mapping(status.get("hard")), mapping(status.get("used"))
        for resource, limit in sorted(hard.items()):
            wanted = _by_quota(resource, need(flavour))
            if not wanted:
                continue
            there, taken = quantity(limit), quantity(used.get(resource, "0"))
            if there is not None and taken is not None and taken + wanted > there:
                return f"{words(resource, 60)}: {words(used.get(resource, '0'), 20)} of " + (
                    f"{words(limit, 20)} used"
                )
    return ""


def _by_quota(resource: str, wanted: Mapping[str, Fraction]) -> Fraction:
    """How much a pod counts for a quota on ``resource``."""
    if resource in ("pods", "count/pods"):
        return Fraction(1)
    bare = resource.removeprefix("requests.").removeprefix("limits.")
    return wanted.get(bare, Fraction(0))


def _largest(ranges: Iterable[Record]) -> dict[str, Fraction]:
    """The smallest ``max`` that any LimitRange sets a pod or its container."""
    found: dict[str, Fraction] = {}
    for each in ranges:
        for limit in mapping(each.get("spec")).get("limits") or ():
            if mapping(limit).get("type") not in ("Pod", "Container"):
                continue
            for resource, value in mapping(mapping(limit).get("max")).items():
                number = quantity(value)
                if number is not None:
                    found[resource] = min(number, found.get(resource, number))
    return found


# Where nodes may be read ---------------------------------------------------------------------


def _counted(
    status: OfferStatus, flavour: PodFlavour, nodes: Sequence[Record], pods: Sequence[Record]
) -> OfferStatus:
    rooms = _rooms(flavour, nodes, pods)
    wanted = need(flavour)
    products = sorted({room.product for room in rooms if room.product})
    gpu = flavour.gpu_resource
    return replace(
        status,
        # A job's node is a pod: what is counted is room for pods, not machines.
        nodes_total=sum(_places(room.total, wanted) for room in rooms),
        nodes_free=sum(_places(room.left, wanted) for room in rooms),
        cpus_free=sum(max(0, int(room.left.get("cpu", 0))) for room in rooms),
        gpus_total=sum(int(room.total.get(gpu, 0)) for room in rooms) if flavour.gpus else 0,
        gpus_free=sum(max(0, int(room.left.get(gpu, 0))) for room in rooms) if flavour.gpus else 0,
        gpu_type=status.gpu_type or (products[0] if flavour.gpus and len(products) == 1 else ""),
    )


def _places(there: Mapping[str, Fraction], wanted: Mapping[str, Fraction]) -> int:
    """How many pods fit."""
    fits = (there.get(resource, Fraction(0)) // amount for resource, amount in wanted.items())
    return max(0, int(min(fits)))


def _rooms(flavour: PodFlavour, nodes: Sequence[Record], pods: Sequence[Record]) -> list[_Room]:
    used = _used(pods)
    found = []
    for node in nodes:
        if not _takes(node, flavour):
            continue
        meta, allocatable = (
            mapping(node.get("metadata")),
            mapping(mapping(node.get("status")).get("allocatable")),
        )
        total = {name: quantity(value) or Fraction(0) for name, value in allocatable.items()}
        taken = used.get(text(meta.get("name")), {})
        left = {name: amount - taken.get(name, 0) for name, amount in total.items()}
        product = words(mapping(meta.get("labels")).get(PRODUCT), 63)
        found.append(_Room(total, left, product))
    return found


def _takes(node: Record, flavour: PodFlavour) -> bool:
    """Ready, not cordoned off, and the flavour's selector and tolerations fit it."""
    spec, labels = mapping(node.get("spec")), mapping(mapping(node.get("metadata")).get("labels"))
    conditions = mapping(node.get("status")).get("conditions") or ()
    ready = any(
        mapping(each).get("type") == "Ready" and mapping(each).get("status") == "True"
        for each in conditions
    )
    selected = all(labels.get(key) == value for key, value in flavour.node_selector.items())
    hard = (
        taint
        for taint in map(mapping, spec.get("taints") or ())
        if taint.get("effect") in ("NoSchedule", "NoExecute")
    )
    return (
        ready
        and not spec.get("unschedulable")
        and selected
        and all(any(_tolerates(one, taint) for one in flavour.tolerations) for taint in hard)
    )


def _tolerates(toleration: Toleration, taint: Record) -> bool:
    if toleration.effect not in (None, taint.get("effect")):
        return False
    if toleration.key is None:
        return toleration.operator == "Exists"
    if toleration.key != taint.get("key"):
        return False
    return toleration.operator == "Exists" or toleration.value == (taint.get("value") or "")


def _used(pods: Iterable[Record]) -> dict[str, dict[str, Fraction]]:
    """Requests of pods that have not ended, by node."""
    found: dict[str, dict[str, Fraction]] = {}
    for pod in pods:
        spec, phase = mapping(pod.get("spec")), mapping(pod.get("status")).get("phase")
        node = text(spec.get("nodeName"))
        if not node or phase in ("Succeeded", "Failed"):
            continue
        taken = found.setdefault(node, {})
        for container in map(mapping, spec.get("containers") or ()):
            requests = mapping(mapping(container.get("resources")).get("requests"))
            for resource, value in requests.items():
                taken[resource] = taken.get(resource, Fraction(0)) + (quantity(value) or 0)
    return found


def quantity(value: object) -> Fraction | None:
    """``500m``, ``2Gi``, ``1e3``; None for what is none."""
    found = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int) else None
    if found is None:
        return None
    number, exponent, unit = found.groups()
    if exponent:
        return Fraction(number + exponent)
    return Fraction(number) * Fraction(UNITS[unit or ""])
