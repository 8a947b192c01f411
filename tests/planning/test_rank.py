"""Offers in order: one order whatever comes in, unknown last, each with its reason."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_continuum.planning.allocation import Charged
from jupyter_continuum.planning.amount import Amount, Stated, unknown
from jupyter_continuum.planning.estimate import Estimate, estimate
from jupyter_continuum.planning.rank import ORDERS, By, figure, rank
from jupyter_continuum.planning.wait import Wait, unknown_wait


def amount(value: float | None) -> Amount:
    return unknown("nobody says") if value is None else Amount(value, "stated", "a list")


def offered(
    name: str,
    *,
    wait: float | None = None,
    eur: float | None = None,
    carbon: float | None = None,
    per: str = "GPU",
) -> Estimate:
    return Estimate(
        offer=name,
        per=per,
        wait=unknown_wait("nobody says") if wait is None else Wait(wait, None, "measured", "jobs"),
        eur=amount(eur),
        unit="",
        units=unknown("x"),
        left=unknown("x"),
        whole_node=None,
        energy_kwh=unknown("x"),
        carbon_g=amount(carbon),
    )


values = st.none() | st.floats(0, 1e6)
estimates = st.lists(
    st.builds(
        lambda name, wait, eur, carbon, per: offered(
            f"s/{name}", wait=wait, eur=eur, carbon=carbon, per=per
        ),
        st.integers(0, 999),
        values,
        values,
        values,
        st.sampled_from(["GPU", "node"]),
    ),
    max_size=8,
    unique_by=lambda each: each.offer,
)


@settings(max_examples=80, deadline=None)
@given(estimates, st.randoms(use_true_random=False), st.sampled_from(ORDERS))
def test_there_is_one_order_and_unknown_is_last(found: list[Estimate], random, by: By) -> None:  # type: ignore[no-untyped-def]
    ordered = rank(found, by)
    shuffled = [*found]
    random.shuffle(shuffled)
    assert rank(shuffled, by) == ordered
    of = {each.offer: each for each in found}
    known = [figure(of[each.offer], by) is not None for each in ordered]
    assert known == sorted(known, reverse=True)
    assert [each.place for each in ordered] == [
        at if is_known else None for at, is_known in enumerate(known, 1)
    ]
    for kind in ("GPU", "node"):
        row = [figure(of[e.offer], by) for e in ordered if e.place and of[e.offer].per == kind]
        assert row == sorted(row, key=lambda value: value or 0)


def test_a_line_says_why() -> None:
    first, second, third = rank(
        [offered("a/x", eur=2.0), offered("b/x"), offered("c/x", eur=0.5)], "price"
    )
    assert (first.offer, first.place) == ("c/x", 1)
    assert first.line == "1 of 2 by price: 0.5 EUR per GPU-hour (stated: a list)"
    assert second.place == 2
    assert third.line == "not ranked by price: nobody says"
    assert "nobody says" in rank([offered("a/x")], "wait")[0].line
    assert "half of its jobs begin within 45 s" in rank([offered("a/x", wait=45)], "wait")[0].line


def test_an_estimate_is_of_one_device_of_a_full_node() -> None:
    of_site = {
        "gco2eq_per_kwh": Stated(50.0, "official", "a table"),
        "accounting_unit": Stated("GPU-hours", "official", "a guide"),
    }
    of_offer = {
        "gpus_per_node": Stated(4, "official", "a guide"),
        "device_watts": Stated(500, "provider", "a sheet"),
        "price_eur_per_hour": Stated(8.0, "provider", "a list"),
        "shareable": Stated(False, "official", "a guide"),
    }
    asked = {"wait": unknown_wait("x"), "books": None, "charged": Charged((), "gpu")}
    found = estimate("s/gpu", of_site, of_offer, **asked, here=False)
    assert (found.per, found.eur.value, found.units.value, found.whole_node) == ("GPU", 2, 1, True)
    assert found.energy_kwh.value == pytest.approx(0.5)
    assert found.carbon_g.value == pytest.approx(25)
    here = estimate("s/gpu", of_site, of_offer, **asked, here=True)
    assert here.carbon_g.value is None
    assert here.energy_kwh.value is None
