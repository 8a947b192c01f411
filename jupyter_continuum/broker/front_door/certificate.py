"""The front door's certificate: the person's own, or one that we make and agents are told."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jupyter_continuum.broker.front_door.address import Address, is_number
from jupyter_continuum.cluster.authority import CLOCK_SKEW, private_pem
from jupyter_continuum.errors import BrokerError
from jupyter_continuum.paths import data_dir, private_dir, write_private

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=180)
RENEW_BEFORE = timedelta(days=60)
"""Longer than any job that was told the authority may still run."""
USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


class DoorCertificate:
    """What the front door shows to who dials ``address``; renewed without being asked."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._made: tuple[object, ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext | None:
        """For the next connection; None where TLS ends elsewhere. BrokerError."""
        if not self._address.encrypted:
            return None
        chain, key = self._files()
        try:
            state = (chain.stat().st_mtime_ns, key.stat().st_mtime_ns)
            if self._made is None or self._made[0] != state:
                made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                made.load_cert_chain(chain, key, password=_no_passphrase)
                self._made = state, made
        except (OSError, ValueError) as error:  # SSLError is an OSError
            words = getattr(error, "strerror", None) or str(error)
            raise BrokerError(
                f"The certificate {chain} with its key {key} cannot be used: {words}."
            ) from error
        return self._made[1]

    def authority(self) -> str:
        """What agents have to trust, as PEM; "" for what their system trusts."""
        if not self._address.self_made:
            return ""
        self._files()
        return (_folder() / "ca.pem").read_text()

    def _files(self) -> tuple[Path, Path]:
        if self._address.certificate is not None and self._address.key is not None:
            return self._address.certificate.expanduser(), self._address.key.expanduser()
        folder, now = _folder(), datetime.now(UTC)
        chain, key = folder / "leaf.pem", folder / "leaf.key"
        if not (folder / "ca.pem").exists():
            make_authority(folder, now)
        if not _is_good(chain, self._address.host, now):
            make_leaf(folder, self._address.host, now)
        return chain, key


def make_authority(folder: Path, now: datetime) -> None:
    """``ca.key`` and ``ca.pem``, of this installation alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _begin(_name("jupyter-continuum front door"), key.public_key(), now, AUTHORITY_LIFE)
        .issuer_name(_name("jupyter-continuum front door"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(folder / "ca.key", private_pem(key))
    write_private(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))


def make_leaf(folder: Path, host: str, now: datetime) -> None:
    """``leaf.key`` and ``leaf.pem`` for who is dialled as ``host``."""
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    signer = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _begin(_name(host[:64]), key.public_key(), now, LEAF_LIFE)
        .issuer_name(authority.subject)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    write_private(folder / "leaf.key", private_pem(key))
    write_private(folder / "leaf.pem", certificate.public_bytes(serialization.Encoding.PEM))


def _begin(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _is_good(chain: Path, host: str, now: datetime) -> bool:
    """The leaf there is for ``host``, and for long enough."""
    try:
        leaf = x509.load_pem_x509_certificate(chain.read_bytes())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    return _general_name(host) in names and leaf.not_valid_after_utc - now > RENEW_BEFORE


def _general_name(host: str) -> x509.GeneralName:
    if is_number(host):
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*kinds: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in kinds for usage in USAGES})


def _no_passphrase() -> str:
    # Without this OpenSSL would ask at the terminal, which a broker has none of.
    raise ValueError("the key is protected by a passphrase, and a broker has nobody to ask")


def _folder() -> Path:
    return private_dir(data_dir() / "front-door")
