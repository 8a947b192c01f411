"""What energy counters have counted of a job, and what of it lies in a period. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Source = Literal["nvml", "amdgpu", "cray", "rapl", "slurm"]
Covers = Literal["device", "package", "memory", "node"]
Key = tuple[Source, Covers, str, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """One counter of one node of a job, summed up since the job's agent began."""

    source: Source
    covers: Covers
    name: str
    """Which device or zone; "" for the whole job, or for several."""
    joules: float
    seconds: float
    """Over which they were counted; of a whole job, on all its nodes."""
    why: str = ""
    """Why joules are missing; then they are the least that it can be."""
    alone: bool | None = None
    """No other job is in it; None: unknown."""
    share: float | None = None
    """The job's processors, as a part of the node's."""
    sampled: bool = False
    """Power, read every two seconds."""
    rank: int = 0
    """Of the node within its job."""

    @property
    def key(self) -> Key:
        return self.source, self.covers, self.name, self.rank


def latest(known: Sequence[Reading], told: Iterable[Reading]) -> list[Reading]:
    """Of each counter what was told last: what is counted never becomes less."""
    found = {each.key: each for each in known}
    for each in told:
        before = found.get(each.key)
        if before is None or (each.seconds >= before.seconds and each.joules >= before.joules):
            found[each.key] = each
    return list(found.values())


def since(readings: Iterable[Reading], before: Iterable[Reading]) -> list[Reading]:
    """What was counted after ``before``."""
    then = {each.key: each for each in before}
    return [
        replace(each, joules=each.joules - old.joules, seconds=each.seconds - old.seconds)
        if (old := then.get(each.key)) is not None
        else each
        for each in readings
    ]


def summed(readings: Iterable[Reading]) -> list[Reading]:
    """One for each kind of counter: what is kept of jobs that ended long ago."""
    kinds: dict[tuple[Source, Covers], list[Reading]] = {}
    for each in readings:
        kinds.setdefault((each.source, each.covers), []).append(each)
    return [_sum(*kind, parts) for kind, parts in kinds.items()]


def node_seconds(readings: Iterable[Reading]) -> float:
    """Over how many seconds of nodes these were counted: a node's counters run side by side."""
    of_node: dict[int, list[float]] = {}
    for each in readings:
        of_node.setdefault(each.rank, []).append(each.seconds)
    return sum(sum(seconds) / len(seconds) for seconds in of_node.values())


def _sum(source: Source, covers: Covers, parts: Sequence[Reading]) -> Reading:
    joules = sum(each.joules for each in parts)
    shares = [each.share for each in parts]
    known = [share for share in shares if share is not None]
    return Reading(
        source,
        covers,
        "",
        joules,
        node_seconds(parts),
        why=next((each.why for each in parts if each.why), ""),
        alone=True if all(each.alone for each in parts) else None,
        share=sum(known) / len(known) if len(known) == len(shares) else None,
        sampled=any(each.sampled for each in parts),
        rank=-1,  # no node's, so that what is added later does not run beside it
    )
