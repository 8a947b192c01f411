"""What hours of nodes cost: more hours, nodes or devices never cost less; unknown stays unknown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_continuum.planning.amount import Amount, Stated, unknown
from jupyter_continuum.planning.rates import hourly, rates, together

OF_SITE = {
    "gco2eq_per_kwh": Stated(56.0, "official", "a table"),
    "pue": Stated(1.2, "official", "a guide"),
    "accounting_unit": Stated("GPU-hours", "official", "a guide"),
}
OF_OFFER = {
    "gpus_per_node": Stated(4, "live", "the site"),
    "cores_per_node": Stated(64, "live", "the site"),
    "device_watts": Stated(500, "provider", "a sheet"),
    "price_eur_per_hour": Stated(8.0, "provider", "a list"),
}
FIELDS = ("eur", "units", "energy_kwh", "carbon_kg")
cheap = settings(max_examples=80, deadline=None)
hours = st.floats(0, 1e6)
counts = st.integers(0, 8)


def costs(node_hours: float, gpus: int, cores: int, shareable: Stated | None, **without: None):
    offer = OF_OFFER | ({"shareable": shareable} if shareable else {})
    kept = {name: claim for name, claim in offer.items() if name not in without}
    site = {name: claim for name, claim in OF_SITE.items() if name not in without}
    found = rates("s", site, kept, gpus=gpus, cores=cores, here=False)
    return found.of(node_hours)


sharing = st.sampled_from(
    [None, Stated(True, "official"), Stated(False, "official"), Stated(True, "unverified")]
)


@cheap
@given(hours, hours, counts, counts, st.integers(0, 64), st.integers(0, 64), sharing)
def test_more_hours_nodes_or_devices_never_cost_less(
    some: float, more: float, gpus: int, further: int, cores: int, on_top: int, shared: Stated
) -> None:
    less = costs(some, gpus, cores, shared)
    much = costs(some + more, gpus + further, cores + on_top, shared)
    for field in FIELDS:
        one, other = getattr(less, field).value, getattr(much, field).value
        assert one is not None
        assert other is not None
        # A rounding of the product of three numbers.
        assert 0 <= one <= other * (1 + 1e-12)


@cheap
@given(
    st.floats(0.01, 1e6),
    st.sampled_from(["price_eur_per_hour", "device_watts", "gco2eq_per_kwh", "accounting_unit"]),
    st.sampled_from(["unverified", "expired"]),
)
def test_what_no_source_says_costs_no_known_amount(hour: float, field: str, kind: str) -> None:
    of = {
        "price_eur_per_hour": "eur",
        "device_watts": "energy_kwh",
        "gco2eq_per_kwh": "carbon_kg",
        "accounting_unit": "units",
    }
    missing = costs(hour, 4, 64, None, **{field: None})
    assert getattr(missing, of[field]).value is None
    claimed = OF_SITE | OF_OFFER
    claim = Stated(claimed[field].value, kind, "somebody")
    offer = {name: claim if name == field else each for name, each in OF_OFFER.items()}
    site = {name: claim if name == field else each for name, each in OF_SITE.items()}
    found = rates("s", site, offer, gpus=4, cores=64, here=False).of(hour)
    assert getattr(found, of[field]).value is None
    assert getattr(found, of[field]).reason


@cheap
@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.floats(0, 1e6)), max_size=5))
def test_a_sum_says_what_is_not_in_it(parts: list[tuple[str, float | None]]) -> None:
    amounts = [
        (site, unknown(f"{site} is silent.") if value is None else Amount(value, "estimated", "x"))
        for site, value in parts
    ]
    found = together(amounts)
    known = [value for _, value in parts if value is not None]
    assert (found.value is None) == (not known)
    assert found.value is None or found.value == sum(known)
    for site, value in parts:
        assert value is not None or f"{site} is silent." in found.reason
    assert bool(found.reason) == (len(known) < len(parts) or not parts)


def test_an_hour_now_says_nothing_of_a_site_where_nothing_runs_any_more() -> None:
    known = rates("s", OF_SITE, OF_OFFER, gpus=4, cores=0, here=False)
    free = {name: claim for name, claim in OF_OFFER.items() if name != "price_eur_per_hour"}
    unpriced = rates("t", OF_SITE, free, gpus=4, cores=0, here=False)
    both = hourly([(known, 2), (unpriced, 1)], "eur")
    assert "Without t" in both.reason
    ended = hourly([(known, 2), (unpriced, 0)], "eur")
    assert (ended.value, ended.reason) == (both.value, "")
    carbon = hourly([(known, 2), (unpriced, 0)], "carbon_kg")
    assert carbon.value == hourly([(known, 2)], "carbon_kg").value
    assert "t:" not in carbon.source
    nothing = hourly([(known, 0), (unpriced, 0)], "eur")
    assert nothing.value == 0
    assert nothing.reason.startswith("Without t:")
