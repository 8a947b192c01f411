"""A probe's log is read as from a stranger."""

from __future__ import annotations

import json

import pytest

from jupyter_continuum.sites.probe.facts import (
    MAX_ENTRIES,
    announced_endpoints,
    is_measured,
    read_facts,
)

NONCE = "0f" * 16
DIAL = {"host": "a-login", "port": 22, "outcome": "connected", "milliseconds": 0.4}


def log(**fields: object) -> str:
    return "\n".join(f"{NONCE} {name} {json.dumps(value)}" for name, value in fields.items())


def test_what_is_printed_is_found_among_other_lines() -> None:
    text = f"module: loaded\n{log(node='a-c1', glibc='2.36')}\n{log(login=[DIAL])}\nslurmstepd: x"
    facts, odd = read_facts(text, NONCE)
    assert (facts.node, facts.glibc, odd) == ("a-c1", "2.36", ())
    assert facts.login[0].where == "a-login:22"
    assert facts.architecture is None


def test_the_last_word_on_a_field_counts() -> None:
    facts, odd = read_facts(f"{log(node='a')}\n{log(node='b')}", NONCE)
    assert (facts.node, odd) == ("b", ())


def test_lines_behind_another_nonce_are_nobodys() -> None:
    assert read_facts(log(node="a").replace(NONCE, "00" * 16), NONCE)[0].node is None
    assert read_facts("x" + log(node="a"), NONCE)[0].node is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("node", "a;rm -rf ~"),
        ("node", "a\u001b[2J"),
        ("node", "a" * 300),
        ("node", 7),
        ("node", ["a"]),
        ("architecture", "<img src=x>"),
        ("glibc", "2.36\n"),
        ("addresses", ["10.0.0.1"] * (MAX_ENTRIES + 1)),
        ("addresses", ["$(id)"]),
        ("login", [DIAL | {"port": 0}]),
        ("login", [DIAL | {"port": "22"}]),
        ("login", [DIAL | {"outcome": "wonderful"}]),
        ("login", [DIAL | {"milliseconds": -1}]),
        ("login", [DIAL | {"more": 1}]),
        ("login", {"0": DIAL}),
        ("outbound", [DIAL]),
        ("proxies", [{"name": "https_proxy", "address": "ada:secret@proxy:3128"}]),
        ("disks", [{"path": "/tmp", "kind": "ext4", "free_bytes": 1.5}]),
        ("disks", [{"path": "/tmp x", "kind": "ext4", "free_bytes": 1}]),
        ("pythons", [{"path": "/p", "version": "three"}]),
        ("gpus", ["\u202eA100"]),
        ("energy", [{}]),
        ("driver", True),
    ],
)
def test_what_is_odd_stays_unknown_and_is_named(field: str, value: object) -> None:
    facts, odd = read_facts(log(**{"node": "a-c1", field: value}), NONCE)
    assert odd == (field,)
    assert getattr(facts, field) is None


@pytest.mark.parametrize("text", ["{", "NaN", "null null", "[" * 5000, '"' + "a" * 20_000 + '"'])
def test_what_is_no_json_stays_unknown(text: str) -> None:
    facts, _ = read_facts(f"{NONCE} node {text}", NONCE)
    assert facts.node is None


def test_a_node_has_no_say_about_our_side() -> None:
    trial = {"carrier": "ssh-forward", "works": True}
    facts, odd = read_facts(log(trials=[trial], gateway_ports=DIAL, no_such_field=1), NONCE)
    assert (facts.trials, facts.gateway_ports, odd) == (None, None, ())


def test_the_end_is_only_what_the_program_says() -> None:
    assert is_measured(log(measured=True), NONCE)
    assert not is_measured(log(measured="true"), NONCE)
    assert not is_measured(log(measured=True), "00" * 16)


def test_endpoints_are_handed_on_unchecked_for_the_parser_of_announcements() -> None:
    assert announced_endpoints(log(endpoints=[{"path": "x"}]), NONCE) == [{"path": "x"}]
    assert announced_endpoints(f"{NONCE} endpoints [", NONCE) is None
    assert announced_endpoints("", NONCE) is None
