"""How long a job ran, from its changes; and between what the truth lies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jupyter_continuum.planning.hours import NOTHING, JobTimes, Span, span, total

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


SEEN = JobTimes(
    asked=at(0), started_after=at(10), started=at(25), ended_after=at(100), ended=at(115)
)
"""Looks come every 15 seconds."""


def test_the_truth_lies_between_the_looks_that_saw_a_change() -> None:
    assert span(SEEN, end=at(1000)) == Span(90, 75, 105)


def test_the_sites_own_clock_is_exact_however_wrong_it_is() -> None:
    wrong = timedelta(hours=7)
    told = JobTimes(
        asked=at(0),
        started=at(25),
        ended=at(115),
        site_started=at(12) - wrong,
        site_ended=at(103) - wrong,
    )
    assert span(told, end=at(1000)) == Span(91, 91, 91, by_site=True)


def test_one_that_runs_counts_until_now() -> None:
    running = JobTimes(asked=at(0), started_after=at(10), started=at(25), site_started=at(12))
    assert span(running, end=at(100)) == Span(75, 75, 90)


def test_one_that_waits_has_no_hours() -> None:
    assert span(JobTimes(asked=at(0)), end=at(100)) == NOTHING


def test_one_that_was_over_when_first_seen_is_unknown_and_not_zero() -> None:
    assert span(JobTimes(asked=at(0), ended=at(40)), end=at(100)) == Span(None, 0, 40)


def test_only_what_lies_within_the_period_counts() -> None:
    """By our clock: the site's may differ, so it says nothing of a part of a job."""
    told = JobTimes(
        asked=at(0), started=at(20), ended=at(120), site_started=at(20), site_ended=at(120)
    )
    assert span(told, start=at(70), end=at(1000)).seconds == 50
    assert span(told, start=at(70), end=at(90)).seconds == 20
    assert span(told, start=at(120), end=at(1000)) == NOTHING
    assert span(told, end=at(0)) == NOTHING
    assert span(told, start=at(-5), end=at(1000)).by_site


def test_a_sum_is_of_what_is_known_and_its_most_of_everything() -> None:
    unknown = Span(None, 0, 40)
    assert total([Span(90, 75, 105), unknown]) == Span(90, 75, 145)
    assert total([unknown]).seconds is None
    assert total([]) == Span(0, 0, 0)
