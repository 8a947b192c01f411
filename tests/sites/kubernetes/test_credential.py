"""Until when a kubeconfig lets in: read without a word of it leaving, and no plugin run."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.sites.credential import Credential
from jupyter_continuum.sites.kubernetes.credential import credentials_of
from jupyter_continuum.sites.profile import KubernetesSite
from tests.sites.kubernetes.test_kubeconfig import OFFER, kubeconfig, pair

__all__ = ["pair"]

SECRET = "c2VjcmV0"


def token(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.{SECRET}"


def read(path: Path) -> tuple[Credential, ...]:
    where = KubernetesSite(context="rig", kubeconfig=str(path), offers=(OFFER,))
    return credentials_of(where, "kube", {})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


def test_a_token_says_until_when(config: Path) -> None:
    config.write_text(kubeconfig({"token": token(exp=1764504000, iat=1764500400)}))
    (found,) = read(config)
    assert found.expires == datetime(2025, 11, 30, 12, tzinfo=UTC)
    assert found.begins == datetime(2025, 11, 30, 11, tzinfo=UTC)
    assert "jupyter continuum connect kube" in found.renewal
    assert SECRET not in repr(found)


def test_a_file_that_somebody_renews_needs_no_person(config: Path) -> None:
    config.with_name("token").write_text(token(exp=1764504000))
    config.write_text(kubeconfig({"tokenFile": "token"}))
    (found,) = read(config)
    assert (found.renewal, found.begins) == ("", None)
    assert found.expires is not None


def test_a_client_certificate_says_until_when(config: Path, pair: tuple[bytes, bytes]) -> None:
    data = base64.b64encode(pair[1]).decode()
    config.write_text(kubeconfig({"client-certificate-data": data, "client-key-data": SECRET}))
    (found,) = read(config)
    assert found.begins is not None
    assert found.expires is not None
    assert (found.expires - found.begins).total_seconds() == 3600


def test_a_plugin_is_named_and_not_run(config: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    command = {"command": "/usr/bin/touch", "args": [str(ran)], "apiVersion": "v1"}
    config.write_text(kubeconfig({"exec": command}))
    (found,) = read(config)
    assert found.note == "touch renews the credentials of context rig by itself."
    assert not ran.exists()


@pytest.mark.parametrize(
    "user",
    [
        {"token": SECRET},
        {"token": "a.b.c"},
        {"token": token(exp="soon")},
        {"token": token(exp=1e30)},
        {"token": token(exp=True)},
        {"token": token(exp=-5)},
        {"token": f"e30.{base64.urlsafe_b64encode(b'[1]').decode()}.{SECRET}"},
        {"tokenFile": "not-there"},
        {"client-certificate-data": "####"},
        {"client-certificate-data": base64.b64encode(b"nothing").decode()},
        {"auth-provider": "nonsense"},
        {"exec": SECRET},
    ],
)
def test_what_cannot_be_read_is_unknown_and_not_quoted(config: Path, user: dict[str, Any]) -> None:
    config.write_text(kubeconfig(user))
    (found,) = read(config)
    assert found.expires is None
    assert found.note
    assert SECRET not in repr(found)


def test_a_kubeconfig_that_is_gone_is_said(config: Path) -> None:
    (found,) = read(config)
    assert "there is no kubeconfig" in found.note
