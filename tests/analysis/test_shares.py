"""Who takes which chunks, and where partials are combined: always along the same tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.analysis.gathering import (
    LINK_BYTES_A_SECOND,
    TASK_SECONDS,
    Gathering,
    Held,
    Made,
    shrinks,
    stays,
)
from jupyter_continuum.analysis.method import InOrder
from jupyter_continuum.analysis.shares import FEW, Run, Shares, run_length
from tests.analysis.kernels import Joined


def joined(first: str, second: str) -> str:
    return f"({first}{second})"


def branch(start: int, stop: int) -> str:
    """What one task makes of its chunks, or a run on one machine of all."""
    tree: InOrder[str] = InOrder(stop - start, joined)
    for at in range(start, stop):
        tree.add(at - start, f"{at},")
    return tree.result


def taken(shares: Shares, data: st.DataObject, sites: Sequence[str]) -> list[Run]:
    found = []
    while shares:
        site = data.draw(st.sampled_from(sites))
        most, last = 1 << data.draw(st.integers(0, 5)), data.draw(st.booleans())
        run = shares.take(site, most, last=last)
        assert run is not None
        assert 0 < len(run) <= most
        found.append(run)
    return found


@given(count=st.integers(1, 70), slots=st.lists(st.integers(1, 5), max_size=4), data=st.data())
def test_runs_are_branches_whoever_takes_them(
    count: int, slots: list[int], data: st.DataObject
) -> None:
    sites = [f"site{number}" for number in range(len(slots))]
    shares = Shares(count, dict(zip(sites, slots, strict=True)) or {"": 1})
    assert len(shares) == count
    runs = taken(shares, data, [*sites, "", "new"])
    assert sorted(at for run in runs for at in range(run.start, run.stop)) == list(range(count))
    tree: InOrder[str] = InOrder(count, joined)
    for run in runs:
        tree.add(run.index, branch(run.start, run.stop), level=run.level)
    assert tree.result == branch(0, count)
    assert shares.take("new", 4) is None


def test_a_run_that_is_put_back_is_taken_again() -> None:
    shares = Shares(8, {"a": 1})
    runs = [shares.take("a", 4), shares.take("a", 4)]
    assert (len(shares), shares.take("a", 4)) == (0, None)
    assert runs[0] is not None
    shares.put_back(runs[0])
    again = [shares.take("b", 4), shares.take("c", 4)]
    assert sum(len(run) for run in again if run) + len(shares) == 4


@pytest.mark.parametrize("count", [64, 100, 1000])
def test_a_site_has_a_stretch_of_its_own_in_few_branches(count: int) -> None:
    shares = Shares(count, {"north": 1, "south": 3})
    tree: InOrder[str] = InOrder(count, joined, together=lambda one, other: one[1] == other[1])
    number = {"north": 0, "south": 0}
    for site in ("north", "south", "south", "south") * count:
        if run := shares.take(site, 1):
            tree.add(run.index, f"({site}", level=run.level)
            number[site] += 1
    assert number["south"] == pytest.approx(3 * count / 4, abs=count / FEW)
    assert len(tree.branches) <= 2 * FEW


@pytest.mark.parametrize(
    ("wanted", "given", "tasks", "length"),
    [
        (4, 100, 4, 4),
        (5, 100, 4, 4),
        (4, 11, 4, 2),
        (4, 3, 4, 1),
        (0, 3, 0, 1),
        (128, 4096, 4, 128),
    ],
)
def test_the_last_tasks_are_short(wanted: int, given: int, tasks: int, length: int) -> None:
    assert run_length(wanted, given, tasks) == length


def test_a_partial_stays_where_the_link_costs_more_than_two_tasks() -> None:
    limit = int(2 * TASK_SECONDS * LINK_BYTES_A_SECOND)
    assert not stays(limit)
    assert stays(limit + 1)


def test_partials_that_only_grow_are_not_worth_combining_at_their_site() -> None:
    assert shrinks(2000, 1000)
    assert not shrinks(2000, 2000)


class Sites:
    """Workers of named sites that combine at once, in this process."""

    def __init__(self) -> None:
        self.combined: list[str] = []
        self.fetched = 0

    def combine(self, work: Callable[..., Made], first: Held, second: Held) -> Made:
        assert first.site == second.site
        self.combined.append(first.site)
        return work(first.future, second.future)

    def report(self, made: Made) -> Future[Made]:
        future: Future[Made] = Future()
        future.set_result(made)
        return future

    def fetch(self, futures: Sequence[Made]) -> Sequence[Made]:
        self.fetched += len(futures)
        return futures


def gathered(analysis: Any, sizes: int, sites: Sequence[str]) -> tuple[Any, Sites, bool]:
    crew = Sites()
    gathering: Gathering[Any] = Gathering(crew, analysis, len(sites))  # type: ignore[arg-type]
    for index, site in enumerate(sites):
        partial = np.full(sizes, 0.1 * index)
        made = Made(partial, 1.0, partial.nbytes, site)
        leave = gathering.leave
        gathering.add(Run(index, index + 1, 0), made, made if leave else None)
    return gathering.result, crew, gathering.leave


SITES = ["north"] * 21 + ["south"] * 43


def test_large_partials_are_combined_at_their_site() -> None:
    """And to the bit as here: 0.1 has no end in base two."""
    found, crew, _ = gathered(Joined(add=True), 10_000, SITES)
    here: InOrder[np.ndarray] = InOrder(64, np.add)
    for index in range(64):
        here.add(index, np.full(10_000, 0.1 * index))
    np.testing.assert_array_equal(found, here.result)
    assert crew.fetched <= 9
    assert {site: crew.combined.count(site) for site in ("north", "south")} == {
        "north": 21 - bin(21).count("1"),
        "south": 43 - (crew.fetched - bin(21).count("1")),
    }


def test_small_ones_come_as_they_are() -> None:
    found, crew, leave = gathered(Joined(add=True), 3, SITES)
    assert (found.shape, crew.combined, crew.fetched, leave) == ((3,), [], 1, False)


def test_what_only_grows_comes_as_it_is_once_that_was_seen() -> None:
    found, crew, leave = gathered(Joined(add=False), 10_000, SITES)
    assert found.shape == (640_000,)
    assert np.all(np.diff(found) >= 0), "in the order of chunks"
    assert (crew.combined, leave) == (["north"], False)
