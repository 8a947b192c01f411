"""What is read of kubeconfigs: as kubectl merges them, and nothing of it is left anywhere."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from jupyter_continuum.errors import SignInRequired
from jupyter_continuum.sites.kubernetes.kubeconfig import Credentials, credentials
from jupyter_continuum.sites.profile import KubernetesSite, PodFlavour

OFFER = PodFlavour(name="cpu", image="w:1", cpus=1, memory_gb=0.5)
SERVER = "https://kube.example:6443"


async def read(*paths: Path, **changes: Any) -> Credentials:
    told = os.pathsep.join(map(str, paths))
    site = KubernetesSite(context="rig", kubeconfig=told, offers=(OFFER,))
    return await credentials(site.model_copy(update=changes), "kube", {})


def kubeconfig(user: dict[str, Any], *, server: str = SERVER, **cluster: Any) -> str:
    content = {
        "contexts": [{"name": "rig", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server} | cluster}],
        "users": [{"name": "u", "user": user}],
    }
    return yaml.safe_dump(content)


@pytest.fixture
def pair() -> tuple[bytes, bytes]:
    """Key and certificate, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ada")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(pem, form, bare), certificate.public_bytes(pem)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def test_of_several_files_the_first_that_has_a_name_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(kubeconfig({"token": "one"}, server="https://one.example"))
    second.write_text(kubeconfig({"token": "two"}, server="https://two.example"))
    found = await read(tmp_path / "not-there", first, second)
    assert (found.server, found.token) == ("https://one.example", "one")
    found = await read(second, first)
    assert (found.server, found.token) == ("https://two.example", "two")


async def test_a_context_may_name_what_another_file_holds(tmp_path: Path) -> None:
    context, rest = tmp_path / "context", tmp_path / "rest"
    where = {"name": "rig", "context": {"cluster": "c", "user": "u", "namespace": "lab"}}
    context.write_text(yaml.safe_dump({"contexts": [where]}))
    rest.write_text(kubeconfig({"token": "one"}))
    found = await read(context, rest)
    assert (found.server, found.namespace, found.token) == (SERVER, "lab", "one")
    assert (await read(context, rest, namespace="mine")).namespace == "mine"


async def test_files_are_named_from_the_folder_of_their_kubeconfig(
    tmp_path: Path, temporary: Path, pair: tuple[bytes, bytes]
) -> None:
    folder = tmp_path / "kube"
    folder.mkdir()
    files = {"u.key": pair[0], "u.crt": pair[1], "ca.crt": pair[1]}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    user = {"client-key": "u.key", "client-certificate": "u.crt"}
    path = folder / "config"
    path.write_text(kubeconfig(user, **{"certificate-authority": "ca.crt"}))
    other = tmp_path / "other"  # has the same context, and no say in it
    other.write_text(kubeconfig({"client-key-data": "bm90aGluZw=="}))
    assert isinstance((await read(path, other)).tls, ssl.SSLContext)
    assert {each.name for each in folder.iterdir()} == {"config", *files}
    assert list(temporary.iterdir()) == []


async def test_a_persons_own_key_outlives_data_that_cannot_be_read(
    tmp_path: Path, temporary: Path, pair: tuple[bytes, bytes]
) -> None:
    (tmp_path / "u.key").write_bytes(pair[0])
    user = {"client-key": "u.key", "client-key-data": "abc"}
    (tmp_path / "config").write_text(kubeconfig(user))
    with pytest.raises(SignInRequired, match="gives no credentials"):
        await read(tmp_path / "config")
    assert (tmp_path / "u.key").read_bytes() == pair[0]


async def test_a_key_is_left_in_no_other_file_when_its_certificate_is_no_good(
    tmp_path: Path, temporary: Path, pair: tuple[bytes, bytes]
) -> None:
    data = {
        "client-key-data": base64.b64encode(pair[0]).decode(),
        "client-certificate-data": base64.b64encode(b"nothing").decode(),
    }
    (tmp_path / "config").write_text(kubeconfig(data))
    with pytest.raises(SignInRequired, match="gives no credentials"):
        await read(tmp_path / "config")
    assert list(temporary.iterdir()) == []


async def test_a_token_in_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(kubeconfig({"tokenFile": "token"}))
    for token in ("one", "two"):
        (tmp_path / "token").write_text(f"{token}\n")
        assert (await read(tmp_path / "config")).token == token
    (tmp_path / "token").unlink()
    with pytest.raises(SignInRequired, match="token is not there"):
        await read(tmp_path / "config")


async def test_a_plugin_gives_a_token(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text('#!/bin/sh\necho "{\\"status\\": {\\"token\\": \\"$WHO-$1\\"}}"\n')
    plugin.chmod(0o700)
    run = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(plugin),
        "args": ["token"],
        "env": [{"name": "WHO", "value": "ada"}],
    }
    (tmp_path / "config").write_text(kubeconfig({"exec": run}))
    assert (await read(tmp_path / "config")).token == "ada-token"
    plugin.unlink()
    with pytest.raises(SignInRequired, match="plugin is not there"):
        await read(tmp_path / "config")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("contexts: [{name: other}]", r"no context 'rig' \(it has: other\)"),
        ("contexts: {", "is no kubeconfig"),
        ("- 1", "is no kubeconfig"),
        ("contexts: [1]", "is no kubeconfig"),
        ("contexts: [{name: rig, context: 1}]", "is no kubeconfig"),
        ("contexts: [{name: rig, context: {cluster: c, user: u}}]", "gives no credentials"),
    ],
)
async def test_a_bad_one_is_one_sentence_without_its_secrets(
    tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "config"
    path.write_text(f"{content}\n# token: not for others\n")
    with pytest.raises(SignInRequired, match=words) as caught:
        await read(path)
    assert "not for others" not in str(caught.value)


async def test_none_at_all_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SignInRequired, match=r"there is no kubeconfig .*/nowhere"):
        await read(tmp_path / "nowhere")
