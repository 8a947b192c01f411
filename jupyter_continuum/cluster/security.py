"""A key made where it is used, and the mutual TLS that every process of a cluster speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jupyter_continuum.cluster.authority import private_pem

if TYPE_CHECKING:
    from distributed import Security


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A private key (PEM) that stays in this process, and the request to have it certified."""

    key: str
    request: str


def make_identity(name: str) -> Identity:
    """A new key of ``name``; the name in the request is a courtesy, the broker decides."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(key, hashes.SHA256())
    return Identity(
        private_pem(key).decode(), signed.public_bytes(serialization.Encoding.PEM).decode()
    )


def security(
    *, key: str, certificate: str, authority: str, relay: Mapping[str, str] | None = None
) -> Security:
    """Mutual TLS with this leaf in every role.

    OpenSSL reads keys from files alone: distributed writes them to a private temporary folder
    for that moment, and nowhere else.

    ``relay``: how these connections meet the relay, where the process has several ways.
    """
    from distributed import Security

    return Security(
        require_encryption=True,
        tls_ca_file=authority,
        tls_client_key=key,
        tls_client_cert=certificate,
        tls_scheduler_key=key,
        tls_scheduler_cert=certificate,
        tls_worker_key=key,
        tls_worker_cert=certificate,
        extra_conn_args={"relay": dict(relay or {})},
    )
