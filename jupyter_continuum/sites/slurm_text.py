"""Slurm's own text as records: the same words from 22.05 to 26.05. Pure, and wary.

JSON and REST are left alone on purpose: 22.05 and 24.11 share neither shape nor version.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from jupyter_continuum.sites.protocols import Association, Job, JobState, OfferStatus

JOB_FORMAT = "%A|%j|%T|%r|%S|%e"
"""For ``squeue -h -o``: id, name, state, reason, start, end."""
UNUSABLE = frozenset(
    "DOWN DRAIN DRAINED DRAINING FAIL FAILING MAINT NOT_RESPONDING POWERED_DOWN POWERING_DOWN"
    " REBOOT_ISSUED REBOOT REBOOT_REQUESTED RESERVED UNKNOWN FUTURE NO_RESPOND INVAL INVALID_REG"
    " ERROR BLOCKED".split()
)
QUEUED = frozenset("PENDING CONFIGURING REQUEUED REQUEUE_HOLD REQUEUE_FED SPECIAL_EXIT".split())
RUNNING = frozenset("RUNNING COMPLETING SUSPENDED SIGNALING STAGE_OUT STOPPED RESIZING".split())
NO_REASON = frozenset(("", "None", "(null)", "N/A", "NonZeroExitCode"))
LATEST = 253_402_300_799


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
    gpus_used: int
    gpu_type: str


def clean(text: str, limit: int = 200) -> str:
    """Without control characters, and short: text of a site that a person will read."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:limit].strip()


def fields(line: str) -> dict[str, str]:
    """``Key=value`` words of one ``scontrol -o`` line; values with blanks keep their first word."""
    return dict(re.findall(r"(?:^|\s)([A-Za-z][\w:/]*)=(\S*)", line))


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


def count(text: str | None) -> int:
    """A number, or 0 for anything else."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,12}", text) else 0


def tres(text: str | None) -> dict[str, str]:
    """``cpu=1,gres/gpu=2`` as a mapping."""
    return dict(part.split("=", 1) for part in (text or "").split(",") if "=" in part)


def _gpus(text: str | None) -> tuple[int, str]:
    """How many, and of which type where there is just one type."""
    found = tres(text)
    types = [key.partition(":")[2] for key in found if key.startswith("gres/gpu:")]
    total = count(found.get("gres/gpu")) or sum(
        count(value) for key, value in found.items() if key.startswith("gres/gpu:")
    )
    return total, clean(types[0], 40) if len(types) == 1 else ""


def parse_nodes(text: str) -> list[Node]:
    nodes = []
    for line in text.splitlines():
        found = fields(line)
        if "NodeName" not in found:
            continue
        gpus, kind = _gpus(found.get("CfgTRES"))
        used, _ = _gpus(found.get("AllocTRES"))
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
    name, usable = found["PartitionName"], [node for node in nodes if node.usable]
    up = found.get("State", "") == "UP"
    most = found.get("MaxNodes", "")
    kinds = {node.gpu_type for node in nodes if node.gpus}
    known = bool(nodes)
    return OfferStatus(
        partition=clean(name, 64),
        nodes_total=len(nodes) if known else None,
        nodes_free=sum(node.cpus_used == 0 for node in usable) * up if known else None,
        cpus_free=sum(max(node.cpus - node.cpus_used, 0) for node in usable) * up
        if known
        else None,
        gpus_total=sum(node.gpus for node in nodes) if known else None,
        gpus_free=sum(max(node.gpus - node.gpus_used, 0) for node in usable) * up
        if known
        else None,
        gpu_type=kinds.pop() if len(kinds) == 1 else "",
        gpus_per_node=max((node.gpus for node in nodes), default=None),
        cpus_per_node=max((node.cpus for node in nodes), default=None),
        memory_gb_per_node=max((node.memory_mb / 1024 for node in nodes), default=None),
        jobs_pending=None if pending is None else pending.get(name, 0),
        max_walltime_seconds=parse_walltime(found.get("MaxTime", "")),
        max_nodes=int(most) if most.isdecimal() else None,
        state=clean(found.get("State", ""), 40),
    )


def parse_pending(text: str) -> dict[str, int]:
    """Waiting jobs by partition from ``uniq -c``; a job may name several partitions."""
    waiting: dict[str, int] = defaultdict(int)
    for line in text.splitlines():
        number, _, partitions = line.strip().partition(" ")
        for partition in partitions.split(","):
            waiting[partition.strip()] += count(number)
    return waiting


def parse_moment(text: str, zone: timezone) -> datetime | None:
    """Seconds since 1970, or the site's local time; None for N/A, Unknown and nonsense."""
    if text.isdecimal():
        return datetime.fromtimestamp(min(int(text), LATEST), UTC) if int(text) else None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
    except ValueError:
        return None


def parse_zone(text: str) -> timezone:
    """``+0130`` as ``date +%z`` prints it; UTC when it is something else."""
    match = re.fullmatch(r"([+-])([0-9]{2})([0-5][0-9])", text.strip())
    if match is None or int(match[2]) > 14:
        return UTC
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def job_state(word: str) -> JobState:
    """Slurm's state as ours: what it does not know as waiting, running or cancelled has failed."""
    bare = word.upper().split(" ")[0].split("+")[0].rstrip("+")
    if bare in QUEUED:
        return JobState.QUEUED
    if bare in RUNNING:
        return JobState.RUNNING
    if bare == "COMPLETED":
        return JobState.ENDED
    return JobState.CANCELLED if bare in ("CANCELLED", "REVOKED") else JobState.FAILED


def _job(
    *, name: str, id: str, word: str, reason: str, code: str, start: datetime | None,
    end: datetime | None,
) -> Job:  # fmt: skip
    state = job_state(word)
    if reason in NO_REASON:
        reason = ""
    if state is JobState.FAILED:
        bare = word.split(" ")[0]
        exit_code, _, signal = code.partition(":")
        if signal not in ("", "0"):
            ending = f"signal {signal}"
        else:
            ending = f"exit {exit_code}" if exit_code not in ("", "0") else ""
        reason = ", ".join(part for part in (ending or bare, reason) if part)
        if bare not in ("FAILED",) and ending:
            reason = f"{bare}, {reason}"
    elif state is JobState.CANCELLED and not reason:
        reason = "CANCELLED"
    return Job(
        name=clean(name, 128),
        id=clean(id, 32),
        state=state,
        reason=clean(reason),
        expected_start=start if state is JobState.QUEUED else None,
        ends_at=None if state is JobState.QUEUED else end,
    )


def parse_squeue(text: str, zone: timezone) -> Iterator[Job]:
    """Rows of ``JOB_FORMAT``; a job's name holds no ``|``, its reason may."""
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) < 6 or not parts[0].isdecimal():
            continue
        id, name, word = parts[:3]
        start, end = parts[-2:]
        yield _job(
            name=name, id=id, word=word, reason="|".join(parts[3:-2]), code="",
            start=parse_moment(start, zone), end=parse_moment(end, zone),
        )  # fmt: skip


def parse_show_job(text: str, zone: timezone) -> Iterator[Job]:
    """Lines of ``scontrol -o show job``: also jobs that ended in the last minutes."""
    for line in text.splitlines():
        found = fields(line)
        if "JobId" in found and "JobName" in found:
            yield _job(
                name=found["JobName"], id=found["JobId"], word=found.get("JobState", ""),
                reason=found.get("Reason", ""), code=found.get("ExitCode", ""),
                start=parse_moment(found.get("StartTime", ""), zone),
                end=parse_moment(found.get("EndTime", ""), zone),
            )  # fmt: skip


def parse_sacct(text: str, zone: timezone) -> Iterator[Job]:
    """Rows of ``sacct -nPX -o JobIDRaw,JobName,State,ExitCode,Reason,End``."""
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) >= 6 and parts[0].isdecimal():
            yield _job(
                name=parts[1], id=parts[0], word=parts[2], code=parts[3],
                reason="|".join(parts[4:-1]), start=None, end=parse_moment(parts[-1], zone),
            )  # fmt: skip


def parse_associations(text: str) -> tuple[Association, ...]:
    """Rows of ``sacctmgr -nP show assoc format=Account,QOS,DefaultQOS,Partition``."""
    found = []
    for line in text.splitlines():
        parts = [clean(part, 64) for part in line[:4096].split("|")]
        if len(parts) >= 4 and parts[0]:
            names = tuple(name for name in line.split("|")[1].split(",") if name)
            found.append(Association(parts[0], names, parts[2], parts[3]))
    return tuple(found)
