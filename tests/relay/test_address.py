"""Relay addresses as text and as records."""

from __future__ import annotations

import pytest

from jupyter_continuum.relay.address import Address, parse


@pytest.mark.parametrize(
    "text", ["home.scheduler:1", "lumi.1a2b3c4d:65535", "a.b@10.77.1.11:40211", "a.b@[::1]:80"]
)
def test_an_address_is_read_and_written_the_same(text):
    assert str(parse(text)) == text
    assert parse(f"relay://{text}") == parse(text)


def test_exchanges_are_known_by_site_and_agent():
    address = parse("lumi.1a2b@10.0.0.1:7")
    assert address == Address("lumi", "1a2b", 7, "10.0.0.1")
    assert address.exchange == "lumi.1a2b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lumi:7",
        "lumi.1a2b",
        "lumi.1a2b:65536",
        "LUMI.1a2b:7",
        "-x.1a2b:7",
        "lumi.1a2b@evil.example:7",
        "lumi.1a2b:7\n",
        "lumi.1a2b:٧",
        "tcp://lumi.1a2b:7",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="not a relay address"):
        parse(text)
