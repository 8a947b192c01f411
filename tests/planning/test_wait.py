"""How long jobs wait: a range that unknown, cut off and old waits cannot make look short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_continuum.planning.wait import FEWEST, Said, Waited, expected_wait, quantile

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def began(*seconds: float) -> list[Waited]:
    """An hour apart from each other, the last a day ago."""
    start = NOW - timedelta(days=1, hours=len(seconds))
    return [Waited(start + timedelta(hours=at), s, True) for at, s in enumerate(seconds)]


def watched(seconds: float) -> Waited:
    return Waited(NOW - timedelta(hours=1), seconds, began=False)


waits = st.lists(
    st.builds(
        lambda hours, seconds, began: Waited(NOW - timedelta(hours=hours), seconds, began),
        st.integers(1, 500),
        st.floats(0, 1e5),
        st.booleans(),
    ),
    max_size=12,
)


def test_half_and_nine_of_ten_are_those_of_the_jobs() -> None:
    found = expected_wait(began(*range(10, 110, 10)), NOW)
    assert (found.median, found.likely, found.kind) == (50, 90, "measured")
    assert found.date == "2026-11-28"


def test_too_few_jobs_say_nothing() -> None:
    found = expected_wait(began(5, 5), NOW)
    assert found.median is None
    assert "are 2" in found.reason
    assert "none" in expected_wait([], NOW).reason


def test_jobs_that_never_began_lengthen_the_wait() -> None:
    ten = began(*range(10, 110, 10))
    assert quantile([*ten, watched(1000), watched(1000)], 0.9) is None
    assert expected_wait([*began(5), *[watched(900)] * 4], NOW).median is None


def test_old_jobs_do_not_count() -> None:
    old = [Waited(NOW - timedelta(days=200), 5, True)] * 10
    assert expected_wait(old, NOW).median is None


def test_what_the_batch_system_says_comes_first_and_is_never_less_likely_than_itself() -> None:
    found = expected_wait(began(*[600] * 5), NOW, said=[Said(60, "Slurm")], stated=5, stated_by="x")
    assert (found.median, found.likely, found.source) == (60, 600, "Slurm")
    assert "10 min" in found.record
    alone = expected_wait([], NOW, said=[Said(60, "Slurm")])
    assert (alone.median, alone.likely) == (60, None)
    assert expected_wait(began(*[600] * 5), NOW, said=[Said(9000, "Slurm")]).likely == 9000


def test_what_is_stated_comes_before_history() -> None:
    found = expected_wait(began(*[600] * 5), NOW, stated=3, stated_by="its profile")
    assert (found.median, found.kind, found.source) == (3, "stated", "its profile")


def test_the_track_record_counts_only_what_was_known_then() -> None:
    steady = expected_wait(began(*[60] * 10), NOW)
    assert steady.record.startswith("7 of 7 ")
    worse = expected_wait(began(*[60] * 5, *[6000] * 2), NOW)
    assert worse.record.startswith("2 of 4 ")


@settings(max_examples=80, deadline=None)
@given(waits, st.floats(0, 1e5))
def test_more_waiting_never_shortens_the_estimate(jobs: list[Waited], longer: float) -> None:
    for part in (0.5, 0.9):
        before = quantile(jobs, part)
        late = max((job.seconds for job in jobs), default=0) + longer
        after = quantile([*jobs, Waited(NOW, late, False)], part)
        assert after is None or (before is not None and after >= before)


@settings(max_examples=80, deadline=None)
@given(waits)
def test_an_estimate_is_within_what_was_seen_and_its_parts_in_order(jobs: list[Waited]) -> None:
    found = expected_wait(jobs, NOW)
    if found.median is None:
        assert found.reason
        assert found.likely is None
        return
    assert len(jobs) >= FEWEST
    seen = [job.seconds for job in jobs if job.began]
    assert found.median in seen
    assert found.likely is None or (found.likely in seen and found.likely >= found.median)
    assert expected_wait(list(reversed(jobs)), NOW).median == found.median


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_of_no_jobs_nothing_is_said(part: float) -> None:
    assert quantile([], part) is None


def test_a_forecast_is_as_good_as_those_before_it_were() -> None:
    asked = NOW - timedelta(days=1)
    kept = [Waited(asked, 100, True, foretold=90)] * 8
    late = [Waited(asked, 4000, True, foretold=400)] * 2
    found = expected_wait([*kept, *late], NOW, said=[Said(50, "of this job"), Said(70, "queue")])
    assert (found.median, found.likely, found.kind) == (50, 4000, "estimated")
    assert found.source == "of this job and queue"
    assert found.record.startswith(
        "8 of 10 earlier jobs began within a minute of what was foretold"
    )
    # One that is still waiting when its time has passed is late, too.
    waiting = [Waited(asked, 9000, False, foretold=10)] * 10
    assert "8 of 20" in expected_wait([*kept, *late, *waiting], NOW, said=[Said(1, "x")]).record
    assert expected_wait(waiting, NOW, said=[Said(1, "x")]).likely is None


said = st.lists(st.builds(Said, st.floats(0, 1e6), st.just("Slurm")), max_size=3)
foretold = st.lists(
    st.builds(
        lambda hours, seconds, began, ahead: Waited(
            NOW - timedelta(hours=hours), seconds, began, ahead
        ),
        st.integers(1, 500),
        st.floats(0, 1e5),
        st.booleans(),
        st.none() | st.floats(-60, 1e5),
    ),
    max_size=12,
)


@given(foretold, said, st.none() | st.floats(0, 1e6))
def test_a_range_holds_its_median(
    jobs: list[Waited], words: list[Said], stated: float | None
) -> None:
    found = expected_wait(jobs, NOW, said=words, stated=stated)
    assert (found.median is None) == (found.kind == "unknown") == bool(found.reason)
    if found.median is not None:
        assert found.median >= 0
        assert found.likely is None or found.likely >= found.median
