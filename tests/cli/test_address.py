from __future__ import annotations

import os
import socket
import ssl

import pytest

from jupyter_continuum.broker.client import call_broker
from tests.cli.commands import continuum, told
from tests.conftest import RunningBroker
from tests.free_port import free_port


def shakes_hands(port: int) -> bool:
    """Whether TLS of a certificate that only agents know is spoken there."""
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port)) as plug,
            plain.wrap_socket(plug) as web,
        ):
            return web.version() is not None
    except ConnectionRefusedError:
        return False


def test_an_address_is_listened_at_shown_and_forgotten(broker: RunningBroker) -> None:
    assert "No address is configured" in continuum("address").out
    port = free_port()
    found = told("address", f"wss://127.0.0.1:{port}")
    assert found["listen"] == f"127.0.0.1:{port}"
    assert found["certificate"] == "self-made"
    assert found["reason"] == ""
    assert shakes_hands(port)
    assert f"wss://127.0.0.1:{port}: listens" in continuum("address").out
    assert continuum("address", "--forget").status == 0
    assert not shakes_hands(port)
    assert told("address") is None


def test_a_broker_that_starts_listens_again(broker: RunningBroker) -> None:
    port = free_port()
    told("address", f"wss://127.0.0.1:{port}")
    call_broker("shutdown")
    assert told("address")["reason"] == ""
    assert shakes_hands(port)


def test_an_address_that_cannot_be_had_leaves_the_earlier_one(broker: RunningBroker) -> None:
    port = free_port()
    told("address", f"wss://127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = continuum("address", f"wss://127.0.0.1:{taken.getsockname()[1]}")
    assert ran.status == 1
    assert "in use" in ran.err
    assert told("address")["url"] == f"wss://127.0.0.1:{port}"
    assert shakes_hands(port)


def test_behind_a_proxy_of_ones_own_no_port_is_opened(broker: RunningBroker) -> None:
    found = told("address", "wss://hub.example.org/user/me", "--plain-behind-proxy")
    assert found["listen"] == ""
    assert found["certificate"] == ""
    assert os.stat(found["socket"]).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("http://x",), "wss://HOST:PORT"),
        (("wss://127.0.0.1:9", "--certificate", "/none", "--key", "/none"), "/none"),
        (("wss://127.0.0.1:9", "--certificate", "/none"), "belong together"),
        (("--listen", "0.0.0.0:1"), "Name the address too"),
        (("wss://127.0.0.1:9", "--forget"), "--forget goes alone"),
        (("wss://192.0.2.7:8443",), "--listen 0.0.0.0:PORT"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    shared_broker: RunningBroker, words: tuple[str, ...], said: str
) -> None:
    ran = continuum("address", *words)
    assert ran.status == 1
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    assert said in ran.err
    assert told("address") is None
