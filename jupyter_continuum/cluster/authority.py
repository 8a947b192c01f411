"""The certificate authority of one cluster: who holds a leaf of it may run code anywhere in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jupyter_continuum.errors import RelayError

CLOCK_SKEW = timedelta(minutes=10)
"""How far the clock of a site may be behind."""
AUTHORITY_LIFE = timedelta(days=60)
"""Longer than any cluster: a plan's walltime is at most 30 days."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Authority:
    """A key and its certificate, both PEM. The key never leaves the broker."""

    key: bytes
    certificate: bytes

    def sign(self, request: str | bytes, *, name: str, life: timedelta, now: datetime) -> bytes:
        """A leaf (PEM) for the key of ``request``, called ``name`` whatever the request says.

        RelayError when ``request`` is not a signing request, or its sender lacks the key.
        """
        if not _NAME.fullmatch(name):
            raise RelayError(f"{name!r} cannot stand in a certificate. Choose another name.")
        authority = x509.load_pem_x509_certificate(self.certificate)
        key = serialization.load_pem_private_key(self.key, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_common_name(name))
            .issuer_name(authority.subject)
            .public_key(_public_key(request, name))
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(min(now + life + CLOCK_SKEW, authority.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
                ),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()),
                critical=False,
            )
        )
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def make_authority(cluster: str, *, now: datetime | None = None) -> Authority:
    """A new authority for ``cluster`` alone."""
    now = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _common_name(f"continuum {cluster}"[:64])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(private_pem(key), certificate.public_bytes(serialization.Encoding.PEM))


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """``key`` as PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_key(request: str | bytes, name: str) -> ec.EllipticCurvePublicKey:
    data = request.encode() if isinstance(request, str) else request
    try:
        asked = x509.load_pem_x509_csr(data)
        key = asked.public_key()
        valid = asked.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise RelayError(f"What {name} sent is not a certificate request.") from error
    if not valid or not isinstance(key, ec.EllipticCurvePublicKey):
        raise RelayError(f"{name} asked for a certificate for a key that is not its own.")
    return key


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
