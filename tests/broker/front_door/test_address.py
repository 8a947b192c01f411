from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.front_door.address import (
    Address,
    address_file,
    checked_address,
    forget_address,
    load_address,
    save_address,
)
from jupyter_continuum.errors import CatalogueError, ContinuumError


@pytest.mark.parametrize(
    ("fields", "listens_at", "self_made"),
    [
        ({"url": "wss://vm.example.org:8443"}, ("vm.example.org", 8443), True),
        ({"url": "wss://vm.example.org"}, ("vm.example.org", 443), True),
        ({"url": "wss://[2001:db8::1]:9000"}, ("2001:db8::1", 9000), True),
        ({"url": "wss://vm.example.org", "listen": "0.0.0.0:8443"}, ("0.0.0.0", 8443), True),
        ({"url": "wss://vm.example.org", "listen": "[::]:8443"}, ("::", 8443), True),
        ({"url": "wss://hub.example.org/user/me", "plain_behind_proxy": True}, None, False),
        ({"url": "wss://vm.example.org", "certificate": "/c", "key": "/k"},
         ("vm.example.org", 443), False),
        ({"url": "ws://127.0.0.1:8000"}, ("127.0.0.1", 8000), False),
    ],
)  # fmt: skip
def test_it_listens_where_it_is_dialled_or_where_it_was_told(
    fields: dict[str, Any], listens_at: tuple[str, int] | None, self_made: bool
) -> None:
    address = checked_address(fields)
    assert address.listens_at == listens_at
    assert address.self_made is self_made


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "https://vm.example.org"}, "wss://HOST:PORT"),
        ({"url": "wss://"}, "wss://HOST:PORT"),
        ({"url": "wss://vm;reboot"}, "wss://HOST:PORT"),
        ({"url": "wss://vm.example.org:99999"}, "99999"),
        ({"url": "wss://me:word@vm.example.org"}, "nothing else"),
        ({"url": "wss://vm.example.org/?token=x"}, "nothing else"),
        ({"url": "ws://vm.example.org"}, "write wss://"),
        ({"url": "wss://vm", "listen": "8443"}, "HOST:PORT"),
        ({"url": "wss://vm", "listen": "0.0.0.0:99999"}, "65535"),
        ({"url": "wss://vm", "certificate": "/c"}, "belong together"),
        ({"url": "wss://vm", "certificate": "/c", "key": "/k", "plain_behind_proxy": True},
         "proxy's"),
        ({"url": "wss://vm", "colour": "red"}, "colour"),
        ({}, "url"),
    ],
)  # fmt: skip
def test_what_is_no_address_is_one_sentence(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ContinuumError, match=said) as told:
        checked_address(fields)
    assert len(str(told.value).splitlines()) == 1


def test_it_is_kept_for_its_owner_alone(state: Path) -> None:
    assert load_address() is None
    address = Address(url="wss://vm.example.org:8443", listen="0.0.0.0:8443")
    save_address(address)
    assert load_address() == address
    assert stat.S_IMODE(address_file().stat().st_mode) == 0o600
    forget_address()
    forget_address()
    assert load_address() is None


def test_a_broken_file_is_named(state: Path) -> None:
    save_address(Address(url="wss://vm.example.org:8443"))
    for content in ("{", '{"url": "http://x"}', "[]"):
        address_file().write_text(content)
        with pytest.raises(CatalogueError, match=r"address\.json"):
            load_address()
