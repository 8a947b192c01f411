"""The cluster's certificate authority, what it signs, and kubeconfigs that hold it."""

from __future__ import annotations

import base64
import ipaddress
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LASTS = timedelta(days=30)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """Files below ``folder``: ``ca``, ``sa`` and a pair for each name that was signed."""

    folder: Path
    server: str
    """``https://`` address of the API server."""

    def create(self) -> None:
        self.folder.mkdir(parents=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("kubernetes-ca")
        usage = x509.KeyUsage(
            True, False, False, False, False, True, True, False, False
        )  # signatures, certificates, revocation lists
        certificate = (
            _builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        self._write("ca", key, certificate)
        signing = rsa.generate_private_key(65537, 2048)
        self._write("sa", signing, None)
        (self.folder / "sa.pub").write_bytes(
            signing.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def sign(
        self,
        name: str,
        common_name: str,
        *groups: str,
        hosts: Sequence[str] = (),
        expired: bool = False,
    ) -> None:
        """``name.crt`` and ``name.key`` for a server, or for a user in ``groups``."""
        authority = x509.load_pem_x509_certificate((self.folder / "ca.crt").read_bytes())
        authority_key = _load(self.folder / "ca.key")
        key = ec.generate_private_key(ec.SECP256R1())
        until = datetime.now(UTC) - timedelta(minutes=1) if expired else None
        builder = _builder(
            _name(common_name, *groups), authority.subject, key, until
        ).add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        self._write(name, key, builder.sign(authority_key, hashes.SHA256()))

    def kubeconfig(self, path: Path, user: dict[str, str], *, namespace: str = "default") -> Path:
        """A kubeconfig with one context, ``rig``; JSON, which is YAML too."""
        cluster = {
            "server": self.server,
            "certificate-authority-data": _base64(self.folder / "ca.crt"),
        }
        context = {"cluster": "rig", "user": path.name, "namespace": namespace}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "rig", "cluster": cluster}],
            "users": [{"name": path.name, "user": user}],
            "contexts": [{"name": "rig", "context": context}],
            "current-context": "rig",
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1))
        path.chmod(0o600)
        return path

    def certificate_of(self, name: str) -> dict[str, str]:
        """A kubeconfig's user who shows the certificate that was signed as ``name``."""
        return {
            "client-certificate-data": _base64(self.folder / f"{name}.crt"),
            "client-key-data": _base64(self.folder / f"{name}.key"),
        }

    def token(self, namespace: str, account: str, uid: str, *, lasts_seconds: int) -> str:
        """A service account's token as the API server signs them; negative: it has expired."""
        now = int(time.time())
        issuer = "https://kubernetes.default.svc.cluster.local"
        claims = {
            "iss": issuer,
            "aud": [issuer],
            "sub": f"system:serviceaccount:{namespace}:{account}",
            "iat": now - 7200,
            "nbf": now - 7200,
            "exp": now + lasts_seconds,
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": account, "uid": uid},
            },
        }
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
        message = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        key = _load(self.folder / "sa.key")
        assert isinstance(key, rsa.RSAPrivateKey)
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return (message + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()

    def _write(self, name: str, key: Key, certificate: x509.Certificate | None) -> None:
        path = self.folder / f"{name}.key"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        if certificate:
            pem = certificate.public_bytes(serialization.Encoding.PEM)
            (self.folder / f"{name}.crt").write_bytes(pem)


def _name(common_name: str, *groups: str) -> x509.Name:
    words = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*words, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, until: datetime | None = None
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(until or now + LASTS)
    )


def _load(path: Path) -> Key:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, Key)
    return key


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
