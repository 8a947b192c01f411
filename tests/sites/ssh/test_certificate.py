"""How long a certificate lets its holder in."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from jupyter_continuum.errors import SignInRequired
from jupyter_continuum.sites.ssh.certificate import certificate_beside, inspect_certificate

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def sign(tmp_path):
    """Makes a key and has it certified, as a site's authority would."""
    subprocess.run(["ssh-keygen", "-qted25519", "-N", "", "-f", tmp_path / "ca"], check=True)

    def make(*validity: str, kind: str = "ed25519"):
        key = tmp_path / f"id_{kind}"
        subprocess.run(["ssh-keygen", "-q", f"-t{kind}", "-N", "", "-f", key], check=True)
        command = ["ssh-keygen", "-qs", tmp_path / "ca", "-I", "ada@site", "-n", "ada,lovelace"]
        subprocess.run([*command, *validity, f"{key}.pub"], check=True)
        return key

    return make


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_validity_is_read(sign, kind):
    key = sign("-V", "20260601000000Z:20260601130000Z", kind=kind)
    path = certificate_beside(key)
    assert path is not None
    found = inspect_certificate(path)
    assert (found.key_id, found.principals) == ("ada@site", ("ada", "lovelace"))
    assert found.valid_before == NOON + timedelta(hours=1)
    assert found.problem(NOON) == ""
    assert not found.expired(NOON)
    assert found.expired(NOON + timedelta(hours=1))
    late = found.problem(NOON + timedelta(days=1))
    assert "expired at 2026-06-01 13:00 UTC" in late
    assert "step ssh login" in late
    assert "valid only from" in found.problem(NOON - timedelta(days=1))


def test_a_certificate_for_ever_never_expires(sign):
    found = inspect_certificate(sign().with_name("id_ed25519-cert.pub"))
    assert found.valid_before is None
    assert found.problem(NOON) == ""


def test_a_key_is_no_certificate(sign, tmp_path):
    key = sign()
    with pytest.raises(SignInRequired, match="not a certificate"):
        inspect_certificate(key.with_name("id_ed25519.pub"))
    (tmp_path / "odd-cert.pub").write_text("nonsense")
    with pytest.raises(SignInRequired, match="cannot be read as a certificate"):
        inspect_certificate(tmp_path / "odd-cert.pub")


def test_no_certificate_beside_a_key(tmp_path):
    assert certificate_beside(tmp_path / "id_rsa") is None
