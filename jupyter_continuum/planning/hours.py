"""How long a job ran, from when its states changed: a figure, and between what it lies. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel


class JobTimes(BaseModel):
    """The changes of one job. None: not yet, or unknown."""

    asked: datetime | None = None
    started_after: datetime | None = None
    """The last look that found it waiting; it began between this and ``started``."""
    started: datetime | None = None
    """The first look that found it running."""
    ended_after: datetime | None = None
    """The last look that found it alive; it ended between this and ``ended``."""
    ended: datetime | None = None
    site_started: datetime | None = None
    """By the site's clock, which may differ from ours: only differences of its times count."""
    site_ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """How long a job ran within a period, in seconds."""

    seconds: float | None
    """None: it was over when it was first seen, and the site does not say."""
    least: float
    most: float
    by_site: bool = False
    """The site gave both times."""


NOTHING = Span(0.0, 0.0, 0.0)


def span(job: JobTimes, *, end: datetime, start: datetime | None = None) -> Span:
    """How long ``job`` ran from ``start``, or ever, to ``end``, which is not after now."""

    def between(begun: datetime, over: datetime) -> float:
        begun = max(begun, start) if start is not None else begun
        return max(0.0, (min(over, end) - begun).total_seconds())

    earliest = job.started_after or job.asked or job.started
    latest = job.ended or end
    if earliest is None or earliest >= end or (start is not None and latest <= start):
        return NOTHING
    whole = job.ended is not None and job.ended <= end and (start is None or earliest >= start)
    if whole and job.site_started is not None and job.site_ended is not None:
        exact = max(0.0, (job.site_ended - job.site_started).total_seconds())
        return Span(exact, exact, exact, by_site=True)
    if job.started is None:
        return NOTHING if job.ended is None else Span(None, 0.0, between(earliest, job.ended))
    return Span(
        between(job.started, latest),
        between(job.started, (job.ended_after or job.started) if job.ended else latest),
        between(earliest, latest),
    )


def total(spans: list[Span]) -> Span:
    """All of them together; ``seconds`` of those that are known, None when none is."""
    known = [each.seconds for each in spans if each.seconds is not None]
    return Span(
        sum(known) if known or not spans else None,
        sum(each.least for each in spans),
        sum(each.most for each in spans),
        by_site=bool(spans) and all(each.by_site for each in spans),
    )
