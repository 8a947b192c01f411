"""What one group needs next. Pure: the reconciler acts on the Decision and asks again.

*wanted* is how many jobs the person asked for; *live* are the jobs that have not ended;
*missing* is the difference, less the jobs that somebody cancelled at the site by hand,
since a person's ``scancel`` is respected until the person scales again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

QUICK_SECONDS = 60
"""A job that ends this soon after its start never worked."""
MAX_QUICK_ENDS = 3
_FIRST_WAIT_SECONDS = 5
_LONGEST_WAIT_SECONDS = 300


class Phase(StrEnum):
    """Where a job is in its life, as the broker knows it."""

    PLANNED = "planned"
    """Has a name; nothing was sent."""
    SUBMITTING = "submitting"
    """Sent; the site has not answered."""
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"


_OVER = (Phase.ENDED, Phase.FAILED, Phase.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One job of a group. Times are seconds since the epoch; None means not yet, or unknown."""

    name: str
    number: int
    """Counts up within the group: the youngest job has the highest."""
    state: Phase
    workers_ready: int = 0
    worked: bool = False
    """A worker of it was ready at some time."""
    submitted_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    reason: str = ""
    """The site's own word: ``Priority``, ``TIMEOUT``, ``exit 1``."""
    cancelled_here: bool = False
    """We asked the site to end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """What went wrong before. Start a new one whenever the person scales."""

    since: float = 0
    """When the person last asked; what ended earlier no longer counts."""
    refused: str = ""
    """The site's refusal, a sentence: no further try before the person scales."""
    misses: int = 0
    """Submits in a row that the site did not answer."""
    missed_at: float = 0
    jitter: float = 1
    """Multiplies every wait, so that groups do not knock together; 0.5 to 1.5, say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    submit: int = 0
    """How many new jobs."""
    cancel: tuple[str, ...] = ()
    """Names of jobs to end."""
    next_look_seconds: float | None = None
    """When to decide again even if nothing changes; None: only on a change."""
    reason: str = ""
    """One sentence for the person: what the group waits for."""
    failed: bool = False
    """Nothing more is submitted until the person scales."""


def decide(wanted: int, jobs: Sequence[JobRecord], now: float, backoff: BackOff) -> Decision:
    """What to submit and what to end so that ``wanted`` jobs live."""
    live = [job for job in jobs if job.state not in _OVER and not job.cancelled_here]
    if len(live) >= wanted:
        surplus = sorted(live, key=_cheapest_first)[: len(live) - wanted]
        return Decision(cancel=tuple(job.name for job in surplus), reason=_waiting_for(live))
    outside = [job for job in jobs if _cancelled_outside(job, backoff)]
    missing = max(0, wanted - len(live) - len(outside))
    if not missing:
        return Decision(reason=_respected(outside))
    if backoff.refused:
        return Decision(reason=backoff.refused, failed=True)
    quick = _quick_ends(jobs, backoff)
    if len(quick) >= MAX_QUICK_ENDS:
        return Decision(reason=_gave_up(quick), failed=True)
    wait = max(_after_quick_ends(quick, backoff), _after_misses(backoff)) - now
    if wait > 0:
        return Decision(next_look_seconds=wait, reason=_waiting_to_retry(quick, backoff, wait))
    return Decision(submit=missing, reason=_waiting_for(live))


def job_name(cluster: str, group: str, rand: str) -> str:
    """``jc-<cluster>-<group>-<8 hex>``: unique for ever, and how a job is found again."""
    if not re.fullmatch(r"[0-9a-f]{8}", rand):
        raise ValueError(f"{rand!r} is not 8 hexadecimal digits")
    return f"jc-{cluster}-{group}-{rand}"


def _cheapest_first(job: JobRecord) -> tuple[bool, int, int]:
    """Waiting jobs before running ones, then the fewest ready workers, then the youngest."""
    return job.state == Phase.RUNNING, job.workers_ready, -job.number


def _cancelled_outside(job: JobRecord, backoff: BackOff) -> bool:
    return (
        job.state == Phase.CANCELLED
        and not job.cancelled_here
        and (job.ended_at or 0) >= backoff.since
    )


def _quick_ends(jobs: Sequence[JobRecord], backoff: BackOff) -> list[JobRecord]:
    """Jobs that ended at once, the latest first, back to the last one that worked."""
    ended = [job for job in jobs if job.state in (Phase.ENDED, Phase.FAILED)]
    recent = [job for job in ended if (job.ended_at or 0) >= backoff.since]
    recent.sort(key=lambda job: (job.ended_at or 0, job.number), reverse=True)
    streak: list[JobRecord] = []
    for job in recent:
        if not _was_quick(job):
            break
        streak.append(job)
    return streak


def _was_quick(job: JobRecord) -> bool:
    """A job that never started but ended is quick too; one of unknown length is not.

    A short walltime that was put to use is no failure.
    """
    if job.ended_at is None or (job.worked and job.state == Phase.ENDED):
        return False
    return job.started_at is None or job.ended_at - job.started_at < QUICK_SECONDS


def _after_quick_ends(quick: Sequence[JobRecord], backoff: BackOff) -> float:
    if not quick:
        return 0
    return (quick[0].ended_at or 0) + _wait_seconds(len(quick), backoff)


def _after_misses(backoff: BackOff) -> float:
    return backoff.missed_at + _wait_seconds(backoff.misses, backoff) if backoff.misses else 0


def _wait_seconds(times: int, backoff: BackOff) -> float:
    """5, 10, 20 ... 300 seconds after the first, second, third time ..., times the jitter."""
    grown = _FIRST_WAIT_SECONDS << min(times - 1, 10)
    return min(_LONGEST_WAIT_SECONDS, grown) * backoff.jitter


def _waiting_for(live: Sequence[JobRecord]) -> str:
    queued = [job for job in live if job.state == Phase.QUEUED]
    if not queued:
        return ""
    why = next((f": {job.reason}" for job in queued if job.reason), "")
    return f"{_jobs(len(queued))} in the queue{why}."


def _respected(outside: Sequence[JobRecord]) -> str:
    return (
        f"{_jobs(len(outside))} cancelled at the site, and not submitted again. "
        "Scale the group to have new ones."
    )


def _gave_up(quick: Sequence[JobRecord]) -> str:
    why = f" ({quick[0].reason})" if quick[0].reason else ""
    return (
        f"The last {len(quick)} jobs ended within {QUICK_SECONDS} s of their start{why}. "
        "Look at the logs, correct the cause, then scale the group."
    )


def _waiting_to_retry(quick: Sequence[JobRecord], backoff: BackOff, wait: float) -> str:
    if backoff.misses:
        return f"The site did not answer; trying again in {wait:.0f} s."
    why = f" ({quick[0].reason})" if quick[0].reason else ""
    return f"The last job ended at once{why}; the next is submitted in {wait:.0f} s."


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"
