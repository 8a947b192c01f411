"""Which certificates a login would use, of files and of a real ssh-agent."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.sites.profile import SshLogin
from jupyter_continuum.sites.ssh.credentials import credentials_of


def login(**changes: Any) -> SshLogin:
    return SshLogin(**({"host": "login.example", "user": "ada", "use_agent": False} | changes))


def sign(folder: Path, name: str, principals: str, *validity: str) -> Path:
    """A key with a certificate of one authority."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, key = folder / "authority", folder / name
    for path in (authority, key):
        if not path.exists():
            subprocess.run(["ssh-keygen", "-qted25519", "-N", "", "-f", path], check=True)
    command = ["ssh-keygen", "-qs", authority, "-I", name, "-n", principals, *validity]
    subprocess.run([*command, f"{key}.pub"], check=True)
    return key


def give_to_agent(key: Path) -> None:
    """And to nobody else: the certificate's file is gone."""
    subprocess.run(["ssh-add", "-q", key], check=True)
    Path(f"{key}-cert.pub").unlink()


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent of this test alone."""
    socket = tmp_path / "agent"
    told = subprocess.run(
        ["ssh-agent", "-s", "-a", socket], capture_output=True, text=True, check=True
    )
    pid = int(told.stdout.split("SSH_AGENT_PID=")[1].split(";")[0])
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield
    os.kill(pid, signal.SIGTERM)


async def test_a_key_has_the_certificate_beside_it_and_jump_hosts_theirs(tmp_path: Path) -> None:
    key = sign(tmp_path, "site", "ada", "-V", "20260101000000Z:20260102000000Z")
    jump = sign(tmp_path, "jump", "ada", "-V", "20260101000000Z:20260103000000Z")
    found = await credentials_of(login(key=str(key), jump=(login(key=str(jump)),)))
    assert [f"{each.expires:%d}" for each in found] == ["03", "02"]
    assert found[1].name == f"certificate {key}-cert.pub"
    assert "step ssh login" in found[1].renewal


async def test_a_key_alone_never_expires_and_nonsense_is_said(tmp_path: Path) -> None:
    key = sign(tmp_path, "site", "ada")
    (found,) = await credentials_of(login(key=str(key)))
    assert (found.expires, found.note) == (None, f"The {found.name} is valid for ever.")
    beside = key.with_name("site-cert.pub")
    beside.write_text("nonsense")
    (found,) = await credentials_of(login(key=str(key)))
    assert "cannot be read as a certificate" in found.note
    beside.unlink()
    assert await credentials_of(login(key=str(key))) == ()


async def test_without_a_named_key_the_one_that_lasts_longest_counts(
    tmp_path: Path, agent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert await credentials_of(login(use_agent=True)) == ()
    sign(tmp_path / "home" / ".ssh", "id_ed25519", "ada", "-V", "20260101:20260102")
    key = sign(tmp_path / "keys", "of-agent", "ada,b", "-V", "20260101:20260105")
    other = sign(tmp_path / "keys", "of-other", "eve", "-V", "20260101:20260109")
    for path in (key, other):
        give_to_agent(path)
    (found,) = await credentials_of(login(use_agent=True))
    assert found.name.endswith("of ssh-agent")
    assert found.expires is not None
    assert found.expires.day in (4, 5)  # ssh-keygen reads local time
    (found,) = await credentials_of(login())
    assert found.name.endswith("id_ed25519-cert.pub")


async def test_an_agent_that_is_gone_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nonexistent")
    assert await credentials_of(login(use_agent=True)) == ()
