"""Slurm's own text as records: the same words from 22.05 to 26.05. Pure, and wary.

JSON and REST are left alone on purpose: 22.05 and 24.11 share neither shape nor version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from jupyter_continuum.sites.protocols import Association, Job, JobState
from jupyter_continuum.sites.slurm.waiting import meaning_of
from jupyter_continuum.sites.text import clean

JOB_FORMAT = "%A|%j|%T|%r|%S|%e"
"""For ``squeue -h -o``: id, name, state, reason, start, end."""
QUEUED = frozenset(
    ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT")
)
RUNNING = frozenset(
    ("RUNNING", "COMPLETING", "SUSPENDED", "SIGNALING", "STAGE_OUT", "STOPPED", "RESIZING")
)
NO_REASON = frozenset(("", "None", "(null)", "N/A", "NonZeroExitCode"))
LATEST = 253_402_300_799


def fields(line: str) -> dict[str, str]:
    """``Key=value`` words of one ``scontrol -o`` line; values with blanks keep their first word."""
    return dict(re.findall(r"(?:^|\s)([A-Za-z][\w:/]*)=(\S*)", line))


def count(text: str | None) -> int:
    """A number, or 0 for anything else."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,12}", text) else 0


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
    end: datetime | None, energy: int = 0,
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
        meaning=meaning_of(reason) if state is JobState.QUEUED else "",
        expected_start=start if state is JobState.QUEUED else None,
        started_at=None if state is JobState.QUEUED else start,
        ends_at=None if state is JobState.QUEUED else end,
        energy_joules=energy or None,  # a site without counters says 0, too
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
                energy=_energy(found.get("AllocTRES") or found.get("TRES") or ""),
            )  # fmt: skip


def parse_sacct(text: str, zone: timezone) -> Iterator[Job]:
    """Rows of ``sacct -nPX`` with the fields of ``commands.SACCT_FORMAT``."""
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) >= 8 and parts[0].isdecimal():
            yield _job(
                name=parts[1], id=parts[0], word=parts[2], code=parts[3],
                reason="|".join(parts[6:-1]), start=None, end=parse_moment(parts[-1], zone),
                energy=count(parts[4]) or _energy(parts[5]),
            )  # fmt: skip


def _energy(tres: str) -> int:
    """Joules among the resources that a job had; without its steps sacct tells them there alone."""
    match = re.search(r"(?:^|,)energy=([0-9]{1,12})(?:,|$)", tres)
    return int(match[1]) if match else 0


def parse_test_only(text: str) -> float | None:
    """Seconds from the site's ``date +%s`` to the start that ``sbatch --test-only`` foretells."""
    now, _, said = text.strip().partition("\n")
    start = re.search(r"Job [0-9]+ to start at (\S{1,32}) using ", said)
    moment = parse_moment(start[1], UTC) if start else None
    if moment is None or not re.fullmatch(r"[0-9]{9,11}", now):
        return None
    return max(0.0, moment.timestamp() - int(now))


def parse_associations(text: str) -> tuple[Association, ...]:
    """Rows of ``sacctmgr -nP show assoc format=Account,QOS,DefaultQOS,Partition``."""
    found = []
    for line in text.splitlines():
        parts = [clean(part, 64) for part in line[:4096].split("|")]
        if len(parts) >= 4 and parts[0]:
            names = tuple(name for name in line.split("|")[1].split(",") if name)
            found.append(Association(parts[0], names, parts[2], parts[3]))
    return tuple(found)
