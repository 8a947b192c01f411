"""Which of several claims is shown, and which may decide."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.catalogue import Claim, choose, disputed, known, shown

TODAY = date(2026, 11, 22)
KINDS = ("official", "provider", "measured", "user", "estimate", "unverified")


def claim(value: str | None, kind: str = "official", **rest: str) -> Claim[str]:
    return Claim[str].model_validate({"value": value, "kind": kind, **rest})


def test_no_claim_is_unknown():
    assert choose((), TODAY) is None
    assert shown((claim(None),), TODAY) is None
    assert known((), TODAY) is None


def test_unverified_is_shown_but_never_decides():
    claims = (claim("yes", "unverified"),)
    assert shown(claims, TODAY) == "yes"
    assert known(claims, TODAY) is None


def test_measured_beats_official_until_it_expires():
    claims = (
        claim("nat", "official"),
        claim("none", "measured", observed="2026-11-01", expires="2026-11-22"),
    )
    assert shown(claims, TODAY) == "none"
    assert shown(claims, date(2026, 11, 23)) == "nat"


def test_measured_without_expiry_does_not_beat_official():
    claims = (claim("none", "measured", observed="2026-09-02"), claim("nat", "official"))
    assert shown(claims, TODAY) == "nat"


def test_an_expired_claim_is_shown_before_unverified_and_decides_nothing():
    claims = (claim("guess", "unverified"), claim("old", "official", expires="2025"))
    assert shown(claims, TODAY) == "old"
    assert known(claims, TODAY) is None


@pytest.mark.parametrize(
    ("expires", "value"),
    [("2026", "none"), ("2026-11", "none"), ("2026-11-22", "none"), ("2026-10", "nat")],
)
def test_a_vague_expiry_lasts_to_its_end(expires: str, value: str):
    claims = (claim("nat"), claim("none", "measured", expires=expires))
    assert shown(claims, TODAY) == value


def test_among_equals_the_later_observation_wins_then_the_first_written():
    assert shown((claim("a", observed="2025"), claim("b", observed="2026-03")), TODAY) == "b"
    assert shown((claim("a"), claim("b")), TODAY) == "a"


def test_a_value_of_nothing_never_hides_a_stated_one():
    assert shown((claim(None, "official"), claim("x", "estimate")), TODAY) == "x"


def test_false_and_zero_are_values():
    no = (Claim[bool].model_validate({"value": False, "kind": "official"}),)
    assert shown(no, TODAY) is False
    assert known(no, TODAY) is False


def test_disputed_only_among_claims_that_may_decide():
    assert disputed((claim("a"), claim("b", "user")), TODAY)
    assert not disputed((claim("a"), claim("b", "unverified")), TODAY)
    assert not disputed((claim("a"), claim("a", "user")), TODAY)


@given(
    st.lists(
        st.builds(
            claim,
            st.one_of(st.none(), st.sampled_from("abc")),
            st.sampled_from(KINDS),
            expires=st.sampled_from(["2025", "2026-11-22", "2027"]),
        )
    )
)
def test_what_decides_is_stated_by_a_claim_that_may(claims: list[Claim[str]]):
    value = known(claims, TODAY)
    allowed = {
        c.value for c in claims if c.kind != "unverified" and (c.expires or "") >= "2026-11-22"
    }
    assert value is None or value in allowed
    assert (shown(claims, TODAY) is None) == all(c.value is None for c in claims)
