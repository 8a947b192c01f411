"""A person is told in time that a credential expires, once, and only where they can renew it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_continuum.planning.validity import Verdict, judge, next_change, sentence
from jupyter_continuum.sites.credential import Credential

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def credential(hours: float, *, begins: float | None = None, renewal: str = "Renew.") -> Credential:
    start = None if begins is None else NOON + begins * HOUR
    return Credential("certificate", start, NOON + hours * HOUR, renewal)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (credential(11, begins=-1), Verdict.VALID),
        (credential(0.9, begins=-11.1), Verdict.SOON),
        (credential(0, begins=-12), Verdict.EXPIRED),
        (credential(12, begins=1), Verdict.EARLY),
        (credential(24 * 2, begins=-24 * 363), Verdict.SOON),
        (credential(24 * 4, begins=-24 * 361), Verdict.VALID),
        (credential(0.1, begins=-0.1, renewal=""), Verdict.VALID),
        (Credential("certificate"), Verdict.UNKNOWN),
    ],
)
def test_a_credential_is_judged(given: Credential, verdict: Verdict) -> None:
    assert judge(given, NOON) is verdict


@settings(max_examples=200, deadline=None)
@given(st.floats(-400, 9000), st.floats(0.01, 9000), st.sampled_from(["Renew.", ""]))
def test_the_clock_rings_at_each_change_and_at_no_other_moment(
    begins: float, lasts: float, renewal: str
) -> None:
    given = credential(begins + lasts, begins=begins, renewal=renewal)
    now, seen = NOON, [judge(given, NOON)]
    while (then := next_change(given, now)) is not None:
        assert now < then
        assert judge(given, now + (then - now) / 2) is seen[-1]
        now = then
        seen.append(judge(given, now))
    assert seen[-1] is Verdict.EXPIRED
    assert len(seen) <= 4
    assert (Verdict.SOON in seen) <= bool(renewal)


def test_who_has_a_connection_open_is_told_that_it_goes_on() -> None:
    late = credential(-1)
    assert sentence(late, NOON, connected=True) == (
        "The certificate expired at 2026-11-29 11:00 UTC. The open connection goes on; the next "
        "one needs it renewed. Renew."
    )
    assert "open connection" not in sentence(late, NOON, connected=False)
    assert sentence(credential(9), NOON, connected=True) == (
        "The certificate is valid until 2026-11-29 21:00 UTC."
    )
