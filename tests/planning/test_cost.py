"""What an hour costs: never less than what is used, and unknown is never zero."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_continuum.catalogue import choose, load
from jupyter_continuum.planning.amount import Amount, Stated, unknown
from jupyter_continuum.planning.cost import (
    eur_per_node_hour,
    is_whole,
    node_share,
    total,
    unit_of,
)

NODE = {"gpus_per_node": Stated(8, "official", "x"), "cores_per_node": Stated(64, "official", "x")}
WHOLE = NODE | {"shareable": Stated(False, "official", "x")}
SHARED = NODE | {"shareable": Stated(True, "official", "x")}


def words(text: str, kind: str = "official") -> dict[str, Stated]:
    return {"accounting_unit": Stated(text, kind, "x")}


@pytest.mark.parametrize(
    ("text", "offer", "name", "per_node"),
    [
        ("node-hours, exclusive nodes only", NODE, "node-hour", 1),
        (
            "GPU-hour = one full MI250X module (2 GCDs) for one hour; CPU-core-hours",
            NODE,
            "GPU-hour",
            4,
        ),
        ("core-hours / GPU-hours", NODE, "GPU-hour", 8),
        ("core-hours, nodes are exclusive (288 core-hours = ...)", NODE, "core-hour", 64),
        ("node-hours on CPU partitions; GPU-hours with 32 CPUs per GPU", NODE, "GPU-hour", 8),
        ("core-hours / GPU-hours", {"cores_per_node": Stated(64, "official")}, "core-hour", 64),
        ("core-hours", {}, "core-hour", None),
        ("Billing Units", NODE, "billing unit", None),
        ("SBU (core-hour based credits, rate per partition)", NODE, "billing unit", None),
        ("something else", NODE, "", None),
    ],
)
def test_the_words_of_a_site_name_its_unit(
    text: str, offer: dict[str, Stated], name: str, per_node: float | None
) -> None:
    found = unit_of(words(text), offer)
    assert (found.name, found.per_node.value) == (name, per_node)
    assert (per_node is None) == bool(found.per_node.reason)


def test_every_unit_that_the_catalogue_names_is_understood() -> None:
    catalogue = load()
    for site in catalogue.sites.values():
        claim = choose(site.accounting_unit, catalogue.today)
        if claim is not None:
            assert unit_of(words(str(claim.value)), NODE).name, (site.id, claim.value)


def test_whether_nodes_are_shared_counts_only_with_a_source() -> None:
    assert is_whole(WHOLE) is True
    assert is_whole(SHARED) is False
    assert is_whole(NODE) is None
    assert is_whole({"shareable": Stated(True, "unverified")}) is None
    assert node_share(1, 8, NODE).value == 1.0


def test_a_shared_node_charges_the_larger_part() -> None:
    assert node_share(1, 8, SHARED).value == 1 / 8
    assert node_share(1, 32, SHARED).value == 1 / 2
    assert node_share(0, 16, SHARED).value == 1 / 4
    assert node_share(1, 8, {"shareable": Stated(True, "official")}).value is None


def test_a_price_needs_a_source_and_this_machine_asks_for_none() -> None:
    paid = {"price_eur_per_hour": Stated(2.5, "provider", "a list", "2026-11")}
    found = eur_per_node_hour("x", {}, paid, here=False)
    assert (found.value, found.kind, found.date) == (2.5, "stated", "2026-11")
    assert eur_per_node_hour("x", {}, {}, here=True).value == 0
    assert eur_per_node_hour("x", {}, paid, here=True).value == 2.5
    for claims, said in (
        ({"price_eur_per_hour": Stated(2.5, "unverified")}, "no source"),
        ({"price_usd_per_hour": Stated(2.5, "provider")}, "USD"),
        ({}, "no price"),
    ):
        missing = eur_per_node_hour("x", {}, claims, here=False)
        assert missing.value is None
        assert said in missing.reason
    assert "allocation" in eur_per_node_hour("x", words("core-hours"), {}, here=False).reason


cheap = settings(max_examples=80, deadline=None)
hours = st.floats(0, 1e4)


@cheap
@given(gpus=st.integers(0, 8), cores=st.integers(1, 64))
def test_whole_nodes_are_never_cheaper_than_what_is_used(gpus: int, cores: int) -> None:
    whole, shared = node_share(gpus, cores, WHOLE).value, node_share(gpus, cores, SHARED).value
    assert whole is not None
    assert shared is not None
    assert whole >= shared >= max(gpus / 8, cores / 64)


@cheap
@given(hours, hours, st.floats(0, 100), st.floats(0, 1))
def test_cost_is_additive(a: float, b: float, price: float, share: float) -> None:
    each, part = Amount(price, "stated", "x"), Amount(share, "estimated", "y")
    apart = (total(each, a, part).value or 0) + (total(each, b, part).value or 0)
    assert (total(each, a + b, part).value or 0) == pytest.approx(apart)


@cheap
@given(hours)
def test_unknown_costs_stay_unknown(a: float) -> None:
    one = Amount(1.0, "stated", "x")
    assert total(unknown("why"), a, one).value is None
    assert total(one, a, unknown("why")).value is None
