"""Which carrier is tried next, and what is said of the others."""

from __future__ import annotations

import pytest

from jupyter_continuum.planning.carriers import (
    AGAIN_SECONDS,
    Setback,
    better,
    no_way,
    preferred,
    to_try,
    why_not_better,
)
from jupyter_continuum.sites.protocols import CarrierName

FORWARD, EXEC, OUTBOUND = CarrierName.FORWARD, CarrierName.EXEC, CarrierName.OUTBOUND
OFFERED = (FORWARD, EXEC, OUTBOUND)
NOW = 1_000_000.0


def denied(at: float = NOW) -> Setback:
    return Setback("lumi: the login node denies forwarding.", at, denied=True)


def broke(at: float = NOW) -> Setback:
    return Setback("lumi: nobody answers at n1:40000.", at, denied=False)


@pytest.mark.parametrize(
    ("chosen", "prefer", "expected"),
    [
        (None, (), OFFERED),
        (None, (OUTBOUND,), (OUTBOUND, FORWARD, EXEC)),
        (None, (EXEC, EXEC, CarrierName.KUBERNETES), (EXEC, FORWARD, OUTBOUND)),
        (EXEC, (OUTBOUND,), (EXEC,)),
        (CarrierName.KUBERNETES, (), ()),
    ],
)
def test_the_persons_choice_then_the_probes_then_the_sites_own_order(chosen, prefer, expected):
    assert preferred(OFFERED, chosen=chosen, prefer=prefer) == expected


@pytest.mark.parametrize(
    ("setbacks", "expected"),
    [
        ({}, OFFERED),
        ({FORWARD: denied()}, (EXEC, OUTBOUND, FORWARD)),
        ({FORWARD: denied(), EXEC: broke()}, (OUTBOUND, EXEC, FORWARD)),
        ({FORWARD: denied(), EXEC: broke(), OUTBOUND: broke()}, (EXEC, OUTBOUND, FORWARD)),
        ({FORWARD: denied(NOW - AGAIN_SECONDS)}, OFFERED),
    ],
)
def test_what_works_comes_first_and_nothing_is_left_out(setbacks, expected):
    assert to_try(OFFERED, setbacks, NOW) == expected


def test_a_better_one_is_tried_again_after_a_while():
    setbacks = {FORWARD: denied(), EXEC: broke(NOW - AGAIN_SECONDS)}
    assert better(OFFERED, OUTBOUND, setbacks, NOW) == (EXEC,)
    assert better(OFFERED, OUTBOUND, setbacks, NOW + AGAIN_SECONDS) == (FORWARD, EXEC)
    assert better(OFFERED, FORWARD, setbacks, NOW + AGAIN_SECONDS) == ()


def test_one_that_is_no_longer_wanted_gives_way():
    assert better((EXEC,), FORWARD, {}, NOW) == (EXEC,)


def test_why_not_a_better_one_is_said_once_and_without_the_sites_name():
    said = why_not_better(OFFERED, OUTBOUND, {FORWARD: denied(), EXEC: broke()}, site="lumi")
    assert said == (
        "Not ssh-forward: the login node denies forwarding; "
        "not ssh-exec: nobody answers at n1:40000."
    )
    assert why_not_better(OFFERED, FORWARD, {}, site="lumi") == ""


def test_when_nothing_works_one_sentence_names_what_was_tried():
    said = no_way("lumi", {FORWARD: denied().reason, EXEC: "lumi: no Python there."})
    assert said.startswith(
        "lumi: no way leads to its workers: ssh-forward: the login node denies forwarding; "
        "ssh-exec: no Python there."
    )
    assert "doctor lumi" in said
