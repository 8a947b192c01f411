"""How a job is laid out over nodes, GPUs, cores and time."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.known import KnownOffer
from jupyter_continuum.planning.plan import GroupPlan

DEFAULT_WALLTIME_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One job: what every node of it runs."""

    nodes: int
    workers_per_node: int
    cpus_per_worker: int
    memory_gb_per_worker: float
    """0: the partition's default."""
    gpus_per_worker: int
    gpu_type: str
    walltime_seconds: int


def shape(group: GroupPlan, offer: KnownOffer) -> tuple[Shape, list[str]]:
    """One worker per GPU, or one per node, unless the plan says otherwise; with warnings.

    Raises PlanRefused where the offer is known not to give that much.
    """
    warnings: list[str] = []
    _check_nodes(group, offer, warnings)
    gpus = group.gpus_per_worker
    if gpus is None:
        gpus = 1 if offer.gpus_per_node else 0
    workers = group.workers_per_node
    if workers is None:
        workers = max(1, (offer.gpus_per_node or 0) // gpus) if gpus else 1
    _check_gpus(gpus, workers, offer, warnings)
    return Shape(
        nodes=group.nodes,
        workers_per_node=workers,
        cpus_per_worker=_cpus(group, offer, workers, gpus, warnings),
        memory_gb_per_worker=_memory(group, offer, workers),
        gpus_per_worker=gpus,
        gpu_type=offer.gpu_type if gpus else "",
        walltime_seconds=_walltime(group, offer, warnings),
    ), warnings


def _check_nodes(group: GroupPlan, offer: KnownOffer, warnings: list[str]) -> None:
    limits = [limit for limit in (offer.max_nodes, offer.nodes_total) if limit is not None]
    if limits and group.nodes > min(limits):
        raise PlanRefused(
            f"{offer.id} gives a job at most {_count(min(limits), 'node')}, the plan asks for "
            f"{group.nodes}. Ask for fewer nodes, or for more jobs."
        )
    total = offer.nodes_total
    if total is not None and group.jobs * group.nodes > total:
        warnings.append(
            f"{offer.id} has {_count(total, 'node')}: where jobs do not share a node, "
            f"{_count(group.jobs, 'job')} of {_count(group.nodes, 'node')} wait for each other."
        )


def _check_gpus(gpus: int, workers: int, offer: KnownOffer, warnings: list[str]) -> None:
    if not gpus:
        return
    there = offer.gpus_per_node
    if there is None:
        warnings.append(f"{offer.id}: how many GPUs a node has is unknown; the site may refuse.")
    elif there == 0:
        raise PlanRefused(
            f"{offer.id} has no GPUs, the plan asks for {gpus} per worker. "
            "Choose a GPU offer (`jupyter continuum offers`) or ask for 0 GPUs."
        )
    elif gpus * workers > there:
        raise PlanRefused(
            f"{offer.id} has {_count(there, 'GPU')} per node, the plan asks for {gpus * workers} "
            f"({_count(workers, 'worker')} with {gpus} each). Ask for fewer per node, "
            "or for more nodes."
        )


def _cpus(group: GroupPlan, offer: KnownOffer, workers: int, gpus: int, warnings: list[str]) -> int:
    there = offer.cpus_per_node
    if group.cpus_per_worker is None:
        if there is None:
            return 1
        if gpus and offer.gpus_per_node:
            return max(1, there * gpus // offer.gpus_per_node)
        return max(1, there // workers)
    # Only a warning: records count cores where a site may count hardware threads.
    if there is not None and group.cpus_per_worker * workers > there:
        warnings.append(
            f"{offer.id} has {_count(there, 'core')} per node as far as is known, the plan asks "
            f"for {group.cpus_per_worker * workers}; the site may refuse."
        )
    return group.cpus_per_worker


def _memory(group: GroupPlan, offer: KnownOffer, workers: int) -> float:
    wanted, there = group.memory_gb_per_worker, offer.memory_gb_per_node
    if wanted is None:
        return 0
    if there is not None and wanted * workers > there:
        raise PlanRefused(
            f"{offer.id} has {there:g} GB of memory per node, the plan asks for "
            f"{wanted * workers:g} GB. Ask for less per worker, or for fewer workers per node."
        )
    return wanted


def _walltime(group: GroupPlan, offer: KnownOffer, warnings: list[str]) -> int:
    limit = offer.max_walltime_seconds
    if group.walltime_minutes is None:
        return min(DEFAULT_WALLTIME_SECONDS, limit or DEFAULT_WALLTIME_SECONDS)
    wanted = group.walltime_minutes * 60
    if limit is None:
        warnings.append(f"{offer.id}: its time limit is unknown; the site may refuse.")
    elif wanted > limit:
        raise PlanRefused(
            f"{offer.id} lets a job run {limit // 60} minutes at most, the plan asks for "
            f"{group.walltime_minutes}. Ask for less time; a group replaces jobs that end."
        )
    return wanted


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
