"""Which workers can exchange results: decided without any of them."""

from __future__ import annotations

import pytest

from jupyter_continuum.cluster.reachability import (
    LONGEST_DIAL_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Gaps,
    dial_seconds,
    pause_seconds,
    representatives,
    site_of,
)

N1, N2, S1, S2, E1 = (
    f"relay://{site}.{agent}:1"
    for site, agent in [
        ("north", "a"),
        ("north", "b"),
        ("south", "a"),
        ("south", "b"),
        ("east", "a"),
    ]
)
ALL = (N1, N2, S1, S2, E1)


def gaps(**found: str) -> Gaps:
    by_name = {"n1": N1, "n2": N2, "s1": S1, "s2": S2, "e1": E1}
    return Gaps({by_name[name]: frozenset(sites.split()) for name, sites in found.items()})


def test_a_site_is_read_from_an_address() -> None:
    assert site_of("relay://north.1a2b@10.0.0.1:4000") == "north"
    assert site_of("tcp://127.0.0.1:4000") == ""
    assert site_of("relay://nonsense") == ""


def test_a_gap_counts_in_both_directions() -> None:
    found = gaps(s1="north")
    assert not found.usable(S1, N1)
    assert not found.usable(N2, S1)
    assert found.usable(S2, N1)
    assert found.usable(S1, S2)
    assert found.usable(S1, E1)
    assert gaps(s1="south").usable(S1, S1)


@pytest.mark.parametrize(
    ("dependencies", "found", "out"),
    [
        ([], gaps(s1="north"), ()),
        ([{N1}], gaps(s1="north"), (S1,)),
        ([{N1, E1}], gaps(s1="north"), ()),  # east has a copy
        ([{S1}], gaps(s1="north"), (N1, N2)),  # a whole site does not get at it
        ([{S1, S2}], gaps(s1="north"), ()),
        ([{S1}, {N1}], gaps(s1="north"), (N1, N2, S1)),
        ([{S1}, {N1}], gaps(s1="north east", n1="east"), (*ALL[:3], E1)),
        ([{N1}], gaps(n1="south east"), (S1, S2, E1)),
        ([], gaps(s1="home"), (S1,)),
        ([{E1}], gaps(s1="home", n1="east"), (S1, N1)),
    ],
)
def test_who_must_not_be_given_a_task(dependencies, found, out) -> None:
    assert found.barred(dependencies, ALL) == {*out}
    assert {each for each in ALL if not found.may_take(each, dependencies)} == {*out}


def test_what_has_healed_is_forgotten() -> None:
    found = gaps(s1="north", s2="north")
    for worker in (S1, S2):
        assert found
        found.put(worker, frozenset())
    assert not found
    assert found.barred([{N1}], ALL) == set()


def test_a_worker_that_left_is_no_candidate() -> None:
    assert gaps(s1="north").barred([{N1}], (N1, N2)) == set()


SITES = {"north": [N1, N2], "south": [S1, S2], "east": [E1]}


def test_one_worker_of_each_other_site_is_asked() -> None:
    assert representatives(N1, SITES, Gaps(), turn=0) == {"south": S1, "east": E1}
    assert representatives(N1, SITES, Gaps(), turn=1) == {"south": S2, "east": E1}


def test_whom_the_scheduler_does_not_reach_is_not_asked() -> None:
    assert representatives(N1, SITES, gaps(s1="home"), turn=0) == {"south": S2, "east": E1}
    assert representatives(N1, SITES, gaps(e1="home"), turn=0) == {"south": S1}


def test_who_has_a_gap_to_the_newcomers_site_is_asked_last() -> None:
    assert representatives(N1, SITES, gaps(s1="north"), turn=0)["south"] == S2
    assert representatives(N1, SITES, gaps(s1="north", s2="north"), turn=0)["south"] == S1


def test_looking_does_not_grow_with_the_workers() -> None:
    many = {"south": [f"relay://south.a{number}:1" for number in range(10_000)]}
    broken = Gaps({each: frozenset({"home"}) for each in many["south"][:9_999]})
    assert representatives(N1, many, broken, turn=0) == {}


def test_pauses_grow_and_end_growing() -> None:
    assert pause_seconds(1, 1.0) == 1.0
    assert pause_seconds(3, 1.0) == 4.0
    assert pause_seconds(3, 0.0) == 3.0
    assert pause_seconds(1000, 1.0) == LONGEST_PAUSE_SECONDS
    assert dial_seconds(0) < dial_seconds(1) < dial_seconds(1000) == LONGEST_DIAL_SECONDS
