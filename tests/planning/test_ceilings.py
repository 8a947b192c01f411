"""Near a ceiling a cluster is warned of, then stops growing, then ends: in that order, for good."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_continuum.planning.ceilings import FINE, Level, Step, allowed, step, worst

cheap = settings(max_examples=100, deadline=None)
figures = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("spent", "level", "said"),
    [
        (0, Level.FINE, ""),
        (79, Level.FINE, ""),
        (80, Level.WARNED, "soon no more jobs"),
        (90, Level.HELD, "no more jobs are submitted"),
        (100, Level.DRAINED, "hand over their data"),
    ],
)
def test_a_warning_comes_before_no_growth_and_that_before_the_end(
    spent: float, level: Level, said: str
) -> None:
    found = step(spent, 0.001, 100, "EUR")
    assert found.level is level
    assert said in found.said
    assert (found.said == "") is (level is Level.FINE)


def test_what_an_orderly_end_takes_is_kept_back() -> None:
    assert step(35, 3600, 65, "EUR").level is Level.DRAINED
    assert step(31.5, 3600, 65, "EUR").level is Level.HELD
    assert step(0, 3600, 65, "EUR").next_seconds == pytest.approx(28)


def test_levels_say_how_many_jobs_there_may_be() -> None:
    assert [allowed(level, 5, 3) for level in Level] == [5, 5, 3, 0]
    assert allowed(Level.HELD, 2, 3) == 2
    assert worst([]) is FINE
    assert worst([Step(Level.HELD, "b", 9), Step(Level.WARNED, "a", 2)]) == Step(Level.HELD, "b", 2)


@cheap
@given(figures, figures, figures, st.floats(0.01, 1e6))
def test_spending_more_never_eases_a_step(
    spent: float, more: float, per_hour: float, most: float
) -> None:
    assert step(spent + more, per_hour, most, "x").level >= step(spent, per_hour, most, "x").level


@cheap
@given(figures, figures, st.floats(0.01, 1e6), figures)
def test_a_lower_ceiling_never_eases_a_step(
    spent: float, per_hour: float, most: float, more: float
) -> None:
    lower, higher = step(spent, per_hour, most, "x"), step(spent, per_hour, most + more, "x")
    assert lower.level >= higher.level


@cheap
@given(figures, st.floats(0.01, 1e6))
def test_a_launch_can_begin_under_any_ceiling(per_hour: float, most: float) -> None:
    assert step(0, per_hour, most, "x").level is Level.FINE
