"""What is left of an allocation, and which accounts may be named with a partition."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.planning.allocation import Charged, left, own_unit
from jupyter_continuum.planning.amount import Amount, Stated, unknown
from jupyter_continuum.planning.charge import usable
from jupyter_continuum.planning.cost import Unit
from jupyter_continuum.sites.protocols import EVERYBODY, Admits, Association, Books, Budget

OFFER = {
    "gpus_per_node": Stated(8, "live", "the site itself"),
    "cores_per_node": Stated(64, "live", "the site itself"),
}
SEEN = datetime(2026, 11, 29, tzinfo=UTC)
MODULES = Unit("GPU-hour", Amount(4.0, "estimated", "two GCDs are one GPU"))
NAMELESS = Unit("", unknown("nobody says"))
CHARGED = Charged(("a",), "gpu", "mi250")


def books(*budgets: Budget, **more) -> Books:
    return Books(budgets, observed=SEEN, **more)


def test_the_tightest_limit_counts_in_the_sites_own_unit():
    held = books(
        Budget("a", "gres/gpu", 100, 20, "a"),
        Budget("a", "cpu", 6400, 6000, "above"),
        Budget("b", "gres/gpu", 1, 1, "b"),
    )
    found = left(held, CHARGED, MODULES, OFFER)
    assert (found.value, found.kind, found.date) == (25.0, "estimated", "2026-11-29")
    assert "6000 of 6400 cpu hours used by above" in found.source


def test_without_a_documented_unit_the_site_limits_name_it():
    held = books(Budget("a", "gres/gpu", 100, 20, "a"), Budget("a", "cpu", 9e9, 0, "a"))
    unit = own_unit(NAMELESS, held, CHARGED, OFFER)
    assert (unit.name, unit.per_node.value) == ("GPU-hour", 8)
    found = left(held, CHARGED, unit, OFFER)
    assert (found.value, found.kind) == (80.0, "measured")
    billing = books(Budget("a", "billing", 100, 20, "a"))
    unit = own_unit(NAMELESS, billing, CHARGED, OFFER)
    assert (unit.name, left(billing, CHARGED, unit, OFFER).value) == ("billing unit", 80.0)
    assert own_unit(MODULES, held, CHARGED, OFFER) == MODULES


def test_what_is_overspent_leaves_nothing():
    assert left(books(Budget("a", "GPU-hour", 300, 339)), CHARGED, MODULES, OFFER).value == 0


@pytest.mark.parametrize(
    ("held", "charged", "unit", "why"),
    [
        (None, CHARGED, MODULES, "has not been asked"),
        (Books(why="it is silent."), CHARGED, MODULES, "it is silent"),
        (books(), CHARGED, MODULES, "tells no limit"),
        (books(Budget("a", "cpu", 9, 1)), Charged(("a", "b"), "gpu"), MODULES, "a, b. Name one"),
        (books(Budget("a", "cpu", 9, 1)), CHARGED, NAMELESS, "is not known"),
        (books(Budget("a", "billing", 9, 1)), CHARGED, MODULES, "The site limits billing"),
        (books(Budget("a", "GPU-hour", 9, 1, partition="x*")), CHARGED, MODULES, "no limit"),
        (books(Budget("a", "gres/gpu:a100", 9, 1)), CHARGED, MODULES, "limits gres/gpu:a100"),
    ],
)
def test_what_is_left_is_unknown_for_a_reason(held, charged, unit, why):
    found = left(held, charged, unit, OFFER)
    assert found.value is None
    assert why in found.reason


HOURS = st.floats(0, 1e9)
BUDGETS = st.lists(
    st.builds(
        Budget,
        st.sampled_from("ab"),
        st.sampled_from(("cpu", "gres/gpu", "node", "billing", "GPU-hour")),
        HOURS,
        HOURS,
    ),
    max_size=6,
)


@given(BUDGETS, BUDGETS)
def test_another_limit_never_leaves_more(some, more):
    before = left(books(*some), CHARGED, MODULES, OFFER).value
    after = left(books(*some, *more), CHARGED, MODULES, OFFER).value
    if before is not None:
        assert after is not None
        assert 0 <= after <= before


def test_only_valid_triples_are_offered():
    mine = [
        Association("a", ("normal", "debug"), "debug"),
        Association("b", ("normal",), "normal", partition="cpu"),
        Association("c"),
        Association("bad\x1b[1m", ("normal",)),
    ]
    parents = {"a": "group", "c": "root"}
    assert usable(mine, "gpu", EVERYBODY, parents) == [mine[0], mine[2]]
    only = Admits(accounts=("group",), not_qos=("debug",))
    assert usable(mine, "gpu", only, parents) == [Association("a", ("normal",))]
    assert usable(mine, "gpu", Admits(not_accounts=("group",)), parents) == [mine[2]]
    # Without a tree, an account may be below one that is listed: nobody is refused.
    assert usable(mine, "gpu", only, {})[1] == mine[2]
    assert usable(mine[:1], "gpu", Admits(qos=("long",)), parents) == []
