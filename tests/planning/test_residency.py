"""What must stay is refused unless it is known to stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.planning.amount import Stated
from jupyter_continuum.planning.residency import (
    Bond,
    Residency,
    allowed,
    barred,
    bond,
    in_the_way,
    refusal,
)

FI = Stated("FI", "official", "the record")
US = Stated("US", "official", "the record")
DOUBTFUL = Stated("FI", "unverified")
NORDIC = Stated(("FI", "NO"), "user")


def asked(stays: str, site: str = "lumi", law: Stated | None = NORDIC) -> Residency:
    return Residency(dataset="era5", stays=stays, site=site, law=law)


@pytest.mark.parametrize(
    ("residency", "countries"),
    [
        (asked(""), {"lumi": None, "cloud": US}),
        (asked("", site="", law=None), {"": None}),
        (asked("site"), {"lumi": None}),
        (asked("jurisdiction"), {"lumi": FI}),
        (asked("jurisdiction", site=""), {"lumi": FI}),
    ],
)
def test_what_stays_is_read(residency: Residency, countries: dict[str, Stated | None]) -> None:
    assert refusal(residency, countries) == ""


@pytest.mark.parametrize(
    ("residency", "countries", "said"),
    [
        (asked("site"), {"lumi": FI, "cloud": FI}, "read with cloud. Open it with the client of"),
        (asked("site"), {"": None}, "workers of no known site"),
        (asked("site", site=""), {"lumi": FI}, "add `site`"),
        (asked("jurisdiction"), {"lumi": FI, "cloud": US}, "cloud in US. Open it with a cluster"),
        (asked("jurisdiction"), {"lumi": FI, "local": None}, "the country of local"),
        (asked("jurisdiction"), {"lumi": DOUBTFUL}, "the country of lumi"),
        (asked("jurisdiction", law=None), {"lumi": FI}, "is not known"),
        (asked("jurisdiction", law=DOUBTFUL), {"lumi": FI}, "is unverified"),
    ],
)
def test_what_may_leave_is_refused(
    residency: Residency, countries: dict[str, Stated | None], said: str
) -> None:
    assert said in refusal(residency, countries)


SITES = st.sampled_from(["lumi", "cloud", "local", ""])
COUNTRIES = st.dictionaries(SITES, st.sampled_from([None, FI, US, DOUBTFUL, Stated("NO", "user")]))
RULES = st.builds(
    asked,
    st.sampled_from(["site", "jurisdiction"]),
    st.sampled_from(["lumi", "cloud"]),
    st.sampled_from([NORDIC, Stated(("US",), "official")]),
)


@given(RULES, COUNTRIES)
def test_a_bond_lets_in_what_opening_lets_in(
    rule: Residency, countries: dict[str, Stated | None]
) -> None:
    made = bond(rule, countries)
    assert {site for site in countries if not refusal(rule, {site: countries[site]})} == {
        *made.sites
    }
    for site in made.sites:
        known = countries[site]
        assert rule.stays == "site" or (known is not None and known.sourced)
    assert bool(refusal(rule, countries)) == bool({*countries} - {*made.sites})


@given(RULES, RULES, COUNTRIES, COUNTRIES)
def test_a_bond_is_never_loosened(
    rule: Residency,
    changed: Residency,
    countries: dict[str, Stated | None],
    later: dict[str, Stated | None],
) -> None:
    """Neither by a record that was changed, nor by what is known of a site later."""
    first = bond(rule, countries)
    second = bond(changed, later, first)
    assert {*second.sites} <= {*first.sites}
    assert second.rule == first.rule


@given(st.lists(st.builds(bond, RULES, COUNTRIES)), SITES)
def test_who_is_barred_is_told_by_which_data_and_what_to_do(bonds: list[Bond], site: str) -> None:
    sites, why = allowed(bonds), barred(bonds, site, "main")
    assert bool(why) == (sites is not None and site not in sites)
    assert not why or (why.startswith("era5 must stay ") and "Launch another cluster" in why)


@given(st.builds(bond, RULES, COUNTRIES), st.dictionaries(st.sampled_from("abc"), SITES))
def test_a_group_that_waits_elsewhere_is_in_the_way(made: Bond, groups: dict[str, str]) -> None:
    why = in_the_way(made, groups, "main")
    away = {name for name, site in groups.items() if site not in made.sites}
    assert bool(why) == (bool(away) or not made.sites)
    assert not made.sites or all(f"`jupyter continuum scale main {each} 0`" in why for each in away)


def test_a_bond_is_said_in_plain_words() -> None:
    made = bond(asked("jurisdiction"), {"lumi": FI, "cloud": US, "local": None})
    assert made.said == "era5 must stay in FI, NO: no workers but at lumi are let in."
    assert bond(asked("site"), {"lumi": None}).rule == "era5 must stay at lumi"
