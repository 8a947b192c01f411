"""How long jobs wait before they begin: a range, who says so, and how good that was. Pure.

By trust: what the batch system says of this very job, what the site's record or an imitation's
profile says, what our own jobs waited there before; else unknown. A job that never began counts as
one that waits longer than it was watched (the product-limit estimate, Kaplan & Meier 1958,
doi:10.2307/2281868): without those an impatient person's waits would look short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jupyter_continuum.planning.amount import AmountKind
from jupyter_continuum.table import duration

FEWEST = 3
"""Jobs without which history says nothing."""
MOST = 100
"""The latest that count."""
OLDEST = timedelta(days=90)
HALF, LIKELY = 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Waited:
    """One job of ours that was asked for at ``asked``."""

    asked: datetime
    seconds: float
    """Until it began; or, where it did not, how long it was watched."""
    began: bool
    foretold: float | None = None
    """Until it would begin, as the batch system first said; None: it did not."""

    @property
    def known(self) -> datetime:
        """When this was known."""
        return self.asked + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Wait:
    """``median`` None: unknown, and ``reason`` says why."""

    median: float | None
    """Seconds within which half of such jobs begin."""
    likely: float | None
    """Seconds within which nine of ten do; None: more than was ever watched, or not said."""
    kind: AmountKind
    source: str = ""
    reason: str = ""
    date: str = ""
    record: str = ""
    """How good this was before: one sentence; "" when nobody can say."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the batch system says of a job that would wait, or waits."""

    seconds: float
    by: str


def unknown_wait(reason: str) -> Wait:
    return Wait(None, None, "unknown", reason=reason)


def expected_wait(
    history: Sequence[Waited],
    now: datetime,
    *,
    said: Sequence[Said] = (),
    stated: float | None = None,
    stated_by: str = "",
) -> Wait:
    """``said``: by the batch system, of this very job first; ``stated``: by a document."""
    recent = sorted(
        (job for job in history if now - job.asked <= OLDEST), key=lambda job: job.asked
    )[-MOST:]
    own = _from_history(recent)
    if said:
        return _from_words(said, own, recent, now)
    if stated is not None:
        return Wait(stated, stated, "stated", stated_by, date=f"{now:%Y-%m-%d}", record=_got(own))
    return own


def quantile(jobs: Sequence[Waited], part: float) -> float | None:
    """Seconds within which ``part`` of them began; None: not within what was watched."""
    waiting = 1.0
    left = len(jobs)
    for job in sorted(jobs, key=lambda job: (job.seconds, not job.began)):
        if job.began:
            waiting *= 1 - 1 / left
            # 1e-12: the product of (n-1)/n ... must not miss 0.1 by a rounding.
            if waiting <= 1 - part + 1e-12:
                return job.seconds
        left -= 1
    return None


def _from_words(said: Sequence[Said], own: Wait, jobs: Sequence[Waited], now: datetime) -> Wait:
    """A forecast is a median; nine of ten is by how late such forecasts were, and own jobs began.

    All waiting jobs run to their limits in a forecast, and none comes in between: both are wrong.
    """
    median = max(0.0, said[0].seconds)
    late = quantile(_lateness(jobs), LIKELY) if len(_lateness(jobs)) >= FEWEST else None
    figures = [own.likely, None if late is None else median + late]
    known = [figure for figure in figures if figure is not None]
    likely = max(known + [each.seconds for each in said] + [median]) if known else None
    return Wait(
        median,
        likely,
        "estimated",
        " and ".join(each.by for each in said),
        date=f"{now:%Y-%m-%d}",
        record=" ".join(part for part in (_kept_word(jobs), _got(own)) if part),
    )


def _lateness(jobs: Sequence[Waited]) -> list[Waited]:
    """By how much each job came after its forecast; those that were not foretold left out."""
    return [
        Waited(job.asked, max(0.0, job.seconds - job.foretold), job.began)
        for job in jobs
        if job.foretold is not None and (job.began or job.seconds > job.foretold)
    ]


def _kept_word(jobs: Sequence[Waited]) -> str:
    late = _lateness(jobs)
    if not late:
        return ""
    # A minute: the schedulers of most sites look that often.
    held = sum(job.began and job.seconds <= 60 for job in late)
    return f"{held} of {len(late)} earlier jobs began within a minute of what was foretold of them."


def _from_history(jobs: Sequence[Waited]) -> Wait:
    if len(jobs) < FEWEST:
        had = "none" if not jobs else f"{len(jobs)}"
        return unknown_wait(
            f"The site has not said, and of the {FEWEST} own jobs that an estimate needs there "
            f"are {had}."
        )
    median = quantile(jobs, HALF)
    if median is None:
        return unknown_wait(
            f"Fewer than half of the last {len(jobs)} jobs began while they were watched."
        )
    return Wait(
        median,
        quantile(jobs, LIKELY),
        "measured",
        f"the last {len(jobs)} own jobs there",
        date=f"{max(job.known for job in jobs):%Y-%m-%d}",
        record=_track_record(jobs),
    )


def _track_record(jobs: Sequence[Waited]) -> str:
    """How often a job began within the nine-of-ten figure that those before it gave."""
    tried = held = 0
    for job in jobs:
        before = [each for each in jobs if each.known <= job.asked]
        figure = quantile(before, LIKELY) if len(before) >= FEWEST else None
        if figure is None or not (job.began or job.seconds > figure):
            continue
        tried += 1
        held += job.began and job.seconds <= figure
    if not tried:
        return ""
    return f"{held} of {tried} earlier jobs began within the nine-of-ten figure of their time."


def _got(own: Wait) -> str:
    if own.median is None:
        return ""
    return f"Half of {own.source} began within {duration(own.median)}."
