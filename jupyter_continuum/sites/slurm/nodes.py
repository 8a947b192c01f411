"""Nodes and partitions as Slurm's text tells them, and what is free in them. Pure, and wary."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from jupyter_continuum.sites.protocols import Admits, OfferStatus
from jupyter_continuum.sites.slurm.text import count, fields
from jupyter_continuum.sites.text import clean

UNUSABLE = frozenset(
    {"DOWN", "DRAIN", "DRAINED", "DRAINING", "FAIL", "FAILING", "MAINT", "NOT_RESPONDING"}
    | {"POWERED_DOWN", "POWERING_DOWN", "REBOOT_ISSUED", "REBOOT", "REBOOT_REQUESTED", "RESERVED"}
    | {"UNKNOWN", "FUTURE", "NO_RESPOND", "INVAL", "INVALID_REG", "ERROR", "BLOCKED"}
)


@dataclass(frozen=True, slots=True)
class Node:
    """One compute node as ``scontrol -o show node`` tells it."""

    name: str
    partitions: tuple[str, ...]
    usable: bool
    cpus: int
    cpus_used: int
    memory_mb: int
    gpus: int
    gpus_used: int | None
    """None: the site does not tell."""
    gpu_type: str


def states(text: str) -> frozenset[str]:
    """``IDLE+DRAIN*`` as words; the signs behind a state are states of their own."""
    words = set()
    for word in text.upper().split("+"):
        bare = word.rstrip("*~#!%$@^-")
        words.add(bare)
        if "*" in word:
            words.add("NOT_RESPONDING")
        if "~" in word or "%" in word:
            words.add("POWERED_DOWN")
        if "$" in word:
            words.add("MAINT")
    return frozenset(words)


def tres(text: str | None) -> dict[str, str]:
    """``cpu=1,gres/gpu=2`` as a mapping."""
    return dict(part.split("=", 1) for part in (text or "").split(",") if "=" in part)


def _gpus_of_tres(text: str | None) -> dict[str, int]:
    """``gres/gpu=4,gres/gpu:a100=4`` as GPUs by type, "" where there is no type."""
    found = {
        key.partition(":")[2]: count(value)
        for key, value in tres(text).items()
        if key == "gres/gpu" or key.startswith("gres/gpu:")
    }
    return found if len(found) < 2 else {kind: n for kind, n in found.items() if kind}


def _gpus_of_gres(text: str | None) -> dict[str, int]:
    """``gpu:a100:4(S:0-1)`` and ``gpu:a100:2(IDX:0-1)`` as GPUs by type."""
    found: dict[str, int] = defaultdict(int)
    for kind, number in re.findall(r"(?:^|,)gpu(?::([\w.+-]+?))?:(\d{1,6})(?=[(,]|$)", text or ""):
        found[kind] += int(number)
    return found


def _gpus(found: Mapping[str, str]) -> tuple[int, int | None, str]:
    """GPUs of a node, how many are taken, and their type where there is just one.

    A site that does not account for GPUs has none in its TRES: there Gres tells.
    """
    total, used = _gpus_of_tres(found.get("CfgTRES")), _gpus_of_tres(found.get("AllocTRES"))
    taken: int | None = sum(used.values())
    configured = _gpus_of_gres(found.get("Gres"))
    if not total and configured:
        total = configured
        taken = sum(_gpus_of_gres(found["GresUsed"]).values()) if "GresUsed" in found else None
    kinds = [kind for kind in (total if any(total) else configured) if kind]
    return sum(total.values()), taken, kinds[0] if len(kinds) == 1 else ""


def parse_nodes(text: str) -> list[Node]:
    nodes = []
    for line in text.splitlines():
        found = fields(line)
        if "NodeName" not in found:
            continue
        gpus, used, kind = _gpus(found)
        nodes.append(
            Node(
                name=clean(found["NodeName"]),
                partitions=tuple(part for part in found.get("Partitions", "").split(",") if part),
                usable=not states(found.get("State", "UNKNOWN")) & UNUSABLE,
                cpus=count(found.get("CPUEfctv")) or count(found.get("CPUTot")),
                cpus_used=count(found.get("CPUAlloc")),
                memory_mb=count(found.get("RealMemory")),
                gpus=gpus,
                gpus_used=used,
                gpu_type=kind,
            )
        )
    return nodes


def parse_walltime(text: str) -> int | None:
    """``1-00:00:00``, ``04:00:00`` or ``30:00`` in seconds; None for UNLIMITED and N/A."""
    match = re.fullmatch(r"(?:(\d{1,4})-)?(?:(\d{1,5}):)?(\d{1,5})(?::(\d{2}))?", text)
    if match is None:
        return None
    days, hours, minutes, seconds = match.groups()
    if days is not None and hours is None:  # D-HH or D-HH:MM
        hours, minutes, seconds = minutes, seconds or "0", "0"
    elif hours is not None and seconds is None:  # MM:SS
        hours, minutes, seconds = "0", hours, minutes
    return (int(days or 0) * 24 + int(hours or 0)) * 3600 + int(minutes) * 60 + int(seconds or 0)


def parse_partitions(
    text: str, nodes: Iterable[Node], pending: Mapping[str, int] | None
) -> list[OfferStatus]:
    """Partitions with what is free now: nodes that answer, less what is allocated."""
    members: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        for partition in node.partitions:
            members[partition].append(node)
    return [
        _offer(found, members[found["PartitionName"]], pending)
        for found in map(fields, text.splitlines())
        if "PartitionName" in found
    ]


def _offer(
    found: Mapping[str, str], nodes: list[Node], pending: Mapping[str, int] | None
) -> OfferStatus:
    name, state = found["PartitionName"], found.get("State", "")
    usable = [node for node in nodes if node.usable and state == "UP"]
    most = found.get("MaxNodes", "")
    kinds = {node.gpu_type for node in nodes if node.gpus}
    status = OfferStatus(
        partition=clean(name, 64),
        jobs_pending=None if pending is None else pending.get(name, 0),
        max_walltime_seconds=parse_walltime(found.get("MaxTime", "")),
        max_nodes=int(most) if most.isdecimal() else None,
        state=clean(state, 40),
        admits=_admits(found),
    )
    if not nodes:
        return status
    return replace(
        status,
        nodes_total=len(nodes),
        nodes_free=sum(node.cpus_used == 0 for node in usable),
        cpus_free=sum(max(node.cpus - node.cpus_used, 0) for node in usable),
        gpus_total=sum(node.gpus for node in nodes),
        gpus_free=_gpus_free(usable),
        gpu_type=kinds.pop() if len(kinds) == 1 else "",
        gpus_per_node=max(node.gpus for node in nodes),
        cpus_per_node=max(node.cpus for node in nodes),
        memory_gb_per_node=max(node.memory_mb for node in nodes) / 1024,
    )


def _admits(found: Mapping[str, str]) -> Admits:
    """Lists that say ALL, or are missing, keep nobody out."""

    def listed(key: str) -> tuple[str, ...] | None:
        words = found.get(key, "")
        if words in ("", "ALL", "N/A", "(null)"):
            return None
        return tuple(clean(word, 64) for word in words.split(",") if word)

    return Admits(
        accounts=listed("AllowAccounts"),
        not_accounts=listed("DenyAccounts") or (),
        qos=listed("AllowQos"),
        not_qos=listed("DenyQos") or (),
    )


def _gpus_free(nodes: Iterable[Node]) -> int | None:
    """None where one node with GPUs does not tell how many are taken."""
    free = 0
    for node in nodes:
        if node.gpus and node.gpus_used is None:
            return None
        free += max(node.gpus - (node.gpus_used or 0), 0)
    return free


def parse_pending(text: str) -> dict[str, int]:
    """Waiting jobs by partition from ``uniq -c``; a job may name several partitions."""
    waiting: dict[str, int] = defaultdict(int)
    for line in text.splitlines():
        number, _, partitions = line.strip().partition(" ")
        for partition in partitions.split(","):
            waiting[partition.strip()] += count(number)
    return waiting
