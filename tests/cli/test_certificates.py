from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from jupyter_continuum.broker.sites.renewing import wants_step
from jupyter_continuum.cli.certificates import (
    parse_token_command,
    store_certificate,
    wants_federation,
)
from jupyter_continuum.errors import SignInRequired

CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com " + "A" * 200 + " ada@example.org"
TOKEN = "t0ken-Abc_123"

SSH = """#!/bin/sh
# Stands in for OpenSSH's client: what it is told, and an answer.
printf '%s\\n' "$@" >"$TOLD/arguments"
cat "$2" >"$TOLD/config"
echo "$ANSWER"
"""


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "ssh"
    program.write_text(SSH)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(tmp_path))
    monkeypatch.setenv("ANSWER", CERTIFICATE)
    return tmp_path


def test_which_way_a_site_goes() -> None:
    assert wants_step("SSH with a short-lived certificate through the smallstep client")
    assert not wants_step("SSH public key only")
    assert wants_federation("efp.lumi.csc.fi")
    assert not wants_federation("lumi.csc.fi")


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (f"ssh -p 2280 ca.example.org token {TOKEN} > cert.pub", ("ca.example.org", 2280, TOKEN)),
        (f"ssh me@ca.example.org token {TOKEN}", ("me@ca.example.org", 22, TOKEN)),
    ],
)
def test_the_command_of_the_page_is_understood(command: str, found: tuple[str, int, str]) -> None:
    assert parse_token_command(command) == found


@pytest.mark.parametrize(
    "command",
    [
        "",
        "rm -rf /",
        "ssh ca.example.org",
        f"ssh -oProxyCommand=evil token {TOKEN}",
        f"ssh -p 22;reboot ca token {TOKEN}",
        f"ssh -oProxyCommand=evil ca token {TOKEN}",
        "ssh ca token 'a b c d e f g h'",
        "ssh ca token 'abcdefgh\n  ProxyCommand evil'",
        "ssh 'open quote",
    ],
)
def test_nothing_else_is_let_through(command: str) -> None:
    with pytest.raises(SignInRequired):
        parse_token_command(command)


def test_a_pasted_certificate_lies_beside_its_key(tmp_path: Path) -> None:
    path = store_certificate(CERTIFICATE, tmp_path / "id_ed25519")
    assert path == tmp_path / "id_ed25519-cert.pub"
    assert path.read_text() == CERTIFICATE + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_pasted_command_fetches_it_and_its_token_is_no_argument(ssh: Path) -> None:
    path = store_certificate(f"ssh -p 2280 ca.example.org token {TOKEN} > c.pub", ssh / "id")
    assert path.read_text() == CERTIFICATE + "\n"
    assert TOKEN not in (ssh / "arguments").read_text()
    assert f"RemoteCommand token {TOKEN}" in (ssh / "config").read_text()


def test_an_answer_that_is_no_certificate_is_told(
    ssh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSWER", "token expired")
    with pytest.raises(SignInRequired, match="gave no certificate"):
        store_certificate(f"ssh ca.example.org token {TOKEN}", ssh / "id")
    assert not (ssh / "id-cert.pub").exists()
