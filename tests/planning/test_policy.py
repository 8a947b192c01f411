"""Hard limits: unknown satisfies none, a person accepts one claim, stricter never lets more in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_continuum.planning.amount import Amount, Stated, unknown
from jupyter_continuum.planning.policy import (
    Asked,
    Policy,
    check,
    needless,
    refusal,
    strictest,
)
from jupyter_continuum.planning.rates import Costs

FI = {"country": Stated("FI", "official", "the operator")}


def amount(value: float | None) -> Amount:
    return unknown("Nobody says.") if value is None else Amount(value, "estimated", "x")


def asked(
    site: str = "lumi",
    *,
    eur: float | None = 1.0,
    units: float | None = 1.0,
    carbon: float | None = 1.0,
    here: bool = False,
    terms: bool = False,
    **of_site: Stated,
) -> Asked:
    costs = Costs(
        eur=amount(eur),
        unit="GPU-hour",
        units=amount(units),
        energy_kwh=amount(None),
        carbon_kg=amount(carbon),
    )
    return Asked(offer=f"{site}/x", site=site, here=here, terms=terms, of_site=of_site, costs=costs)


def stops(policy: Policy, *groups: Asked, accept: tuple[str, ...] = ()) -> str:
    return refusal(check(policy, groups, accept))


def test_without_limits_everything_goes() -> None:
    assert not Policy().limits
    assert check(Policy(), [asked(eur=None)]) == []


def test_a_site_must_be_known_to_be_where_the_policy_says() -> None:
    policy = Policy(jurisdictions=("EU", "NO"))
    assert not stops(policy, asked(**FI))
    assert "which rule jurisdictions does not allow" in stops(
        policy, asked(country=Stated("US", "official", "x"))
    )
    for claims in (
        {},
        {"country": Stated("FI", "unverified")},
        {"country": Stated("FI", "expired")},
    ):
        said = stops(policy, asked(**claims))
        assert "rule jurisdictions, claim country" in said
        assert "--accept lumi:country" in said
        assert not stops(policy, asked(**claims), accept=("lumi:country",))


def test_what_is_known_to_break_a_rule_cannot_be_accepted() -> None:
    there = asked(country=Stated("US", "official", "x"), eur=10)
    said = stops(Policy(jurisdictions=("EU",)), there, accept=("lumi:country",))
    assert "--accept" not in said
    assert stops(Policy(max_eur=5), there, accept=("lumi:eur",))


def test_foreign_control_is_judged_by_seat_and_by_what_the_catalogue_adds() -> None:
    policy = Policy(no_foreign_control=True)
    seat = {"seat_country": Stated("NL", "provider", "x")}
    assert not stops(policy, asked(**seat))
    assert "claim seat_country" in stops(policy, asked())
    listed = Stated("EU (Netherlands); US-listed", "unverified")
    said = stops(policy, asked(**seat, jurisdiction=listed))
    assert "US-listed" in said
    assert "--accept lumi:jurisdiction" in said
    assert not stops(policy, asked(here=True))


def test_terms_are_those_of_the_profile() -> None:
    policy = Policy(terms_accepted=True)
    assert "--accept lumi:terms" in stops(policy, asked())
    assert not stops(policy, asked(terms=True))
    assert not stops(policy, asked(here=True))


def test_ceilings_hold_for_all_groups_together() -> None:
    two = (asked("a", eur=3), asked("b", eur=3))
    assert not stops(Policy(max_eur=6), *two)
    assert "6 of at most 5 EUR" in stops(Policy(max_eur=5), *two)
    assert "4 of at most 3 kgCO2eq" in stops(Policy(max_carbon_kg=3), asked(carbon=4))
    only_a = Policy(max_allocation={"a": 2})
    assert not stops(only_a, asked("a", units=2), asked("b", units=50))
    assert "GPU-hours" in stops(only_a, asked("a", units=2), asked("a", units=1))


def test_an_unknown_price_is_not_zero_and_may_be_accepted_by_site() -> None:
    policy = Policy(max_eur=5)
    two = (asked("a", eur=None), asked("b", eur=None))
    assert "--accept a:eur --accept b:eur" in stops(policy, *two)
    assert "--accept b:eur" in stops(policy, *two, accept=("a:eur",))
    found = check(policy, two, ("a:eur", "b:eur"))
    assert not refusal(found)
    assert [each.verdict for each in found] == ["accepted", "accepted", "satisfied"]
    assert "without a, b" in found[-1].said
    assert needless(found, ("a:eur", "c:eur")) == ["c:eur"]


kinds = st.sampled_from(["official", "user", "unverified", "expired"])
figures = st.none() | st.floats(0, 100)
places = st.lists(st.sampled_from(["EU", "FI", "US", "CH"]), unique=True).map(tuple)
groups = st.lists(
    st.builds(
        lambda site, country, kind, eur, carbon, units, terms: asked(
            site,
            eur=eur,
            carbon=carbon,
            units=units,
            terms=terms,
            country=Stated(country, kind),
            seat_country=Stated(country, kind),
        ),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["FI", "US", "CH"]),
        kinds,
        figures,
        figures,
        figures,
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda each: each.site,
)
policies = st.builds(
    Policy,
    jurisdictions=st.none() | places,
    no_foreign_control=st.booleans(),
    max_eur=figures,
    max_allocation=st.dictionaries(st.sampled_from(["a", "b"]), st.floats(0, 100), max_size=2),
    max_carbon_kg=figures,
    terms_accepted=st.booleans(),
)
claims = st.sets(
    st.sampled_from(["a:country", "b:country", "a:eur", "b:carbon_kg", "a:terms", "a:seat_country"])
)
cheap = settings(max_examples=100, deadline=None)


@cheap
@given(policies, policies, groups, claims)
def test_a_stricter_policy_never_lets_more_in(
    one: Policy, other: Policy, wanted: list[Asked], accepted: set[str]
) -> None:
    def passes(policy: Policy) -> bool:
        return not refusal(check(policy, wanted, accepted))

    both = strictest(one, other)
    assert strictest(other, one).limits == both.limits
    assert not passes(both) or (passes(one) and passes(other))


@cheap
@given(policies, groups)
def test_nothing_unknown_is_let_in(policy: Policy, wanted: list[Asked]) -> None:
    passed = not refusal(check(policy, wanted))
    for each in wanted:
        sourced = each.of_site["country"].sourced
        unmet = (
            (policy.jurisdictions is not None and not sourced)
            or (policy.no_foreign_control and not sourced)
            or (policy.max_eur is not None and each.costs.eur.value is None)
            or (policy.max_carbon_kg is not None and each.costs.carbon_kg.value is None)
            or (each.site in policy.max_allocation and each.costs.units.value is None)
        )
        assert not (passed and unmet)


@cheap
@given(policies, groups, claims)
def test_accepting_lets_in_what_was_unknown_and_nothing_that_was_refused(
    policy: Policy, wanted: list[Asked], accepted: set[str]
) -> None:
    before, after = check(policy, wanted), check(policy, wanted, accepted)
    for one, other in zip(before, after, strict=True):
        if one.verdict == "unknown" and one.claim in accepted:
            assert other.verdict == "accepted"
        else:
            assert other == one


@pytest.mark.parametrize(
    "fields",
    [{"max_eur": -1}, {"jurisdictions": ["Finland"]}, {"max_eur": float("nan")}, {"budget": 5}],
)
def test_nonsense_is_no_policy(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        Policy.model_validate(fields)
