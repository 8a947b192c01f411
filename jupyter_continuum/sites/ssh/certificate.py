"""When an OpenSSH user certificate is valid: sites hand them out for hours, not years."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jupyter_continuum.errors import SignInRequired

FOREVER = 2**64 - 1
RENEW = (
    "Get a new one (`step ssh login` where the site uses step-ca, else the portal that gave it,"
    " such as the EuroHPC Federation Platform), then connect again"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who a certificate lets in, and how long."""

    path: Path
    key_id: str
    principals: tuple[str, ...]
    valid_after: datetime
    valid_before: datetime | None
    """None: for ever."""

    def expired(self, now: datetime) -> bool:
        return self.valid_before is not None and self.valid_before <= now

    def problem(self, now: datetime) -> str:
        """Why it lets nobody in at ``now``, as a sentence without its full stop; "" if it does."""
        if self.valid_before is not None and self.valid_before <= now:
            return f"the certificate {self.path} expired at {_clock(self.valid_before)}. {RENEW}"
        if self.valid_after > now:
            return (
                f"the certificate {self.path} is valid only from {_clock(self.valid_after)}."
                " Check this machine's clock"
            )
        return ""


def certificate_beside(key: Path) -> Path | None:
    """``KEY-cert.pub``, where ``ssh`` looks too."""
    path = key.with_name(f"{key.name.removesuffix('.pub')}-cert.pub")
    return path if path.is_file() else None


def inspect_certificate(path: Path) -> Certificate:
    """Read a certificate's validity; SignInRequired when it is none."""
    try:
        return parse_certificate(path.read_bytes().strip(), path)
    except OSError as error:
        raise SignInRequired(
            f"{path} cannot be read as a certificate ({error}). {RENEW}."
        ) from None


def parse_certificate(line: bytes, path: Path) -> Certificate:
    """``line`` as it stands at ``path``; SignInRequired when it is no certificate.

    The signature is not checked: that is the site's business, not ours.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        SSHCertificate,
        load_ssh_public_identity,
    )

    try:
        found = load_ssh_public_identity(line)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignInRequired(
            f"{path} cannot be read as a certificate ({error}). {RENEW}."
        ) from None
    if not isinstance(found, SSHCertificate):
        raise SignInRequired(f"{path} holds a public key, not a certificate. {RENEW}.")
    before = found.valid_before
    return Certificate(
        path=path,
        key_id=found.key_id.decode(errors="replace"),
        principals=tuple(name.decode(errors="replace") for name in found.valid_principals),
        valid_after=_moment(found.valid_after),
        valid_before=None if before == FOREVER else _moment(before),
    )


def _moment(seconds: int) -> datetime:
    """Clamped: a certificate may name moments no calendar knows."""
    return datetime.fromtimestamp(min(seconds, 253_402_300_799), UTC)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
