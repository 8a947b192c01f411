"""When an OpenSSH user certificate is valid: sites hand them out for hours, not years."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jupyter_continuum.errors import SignInRequired
from jupyter_continuum.sites.profile import SshLogin

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
    """Read a certificate's validity; SignInRequired when it is none.

    The signature is not checked: that is the site's business, not ours.
    """
    from cryptography.hazmat.primitives.serialization import (
        SSHCertificate,
        load_ssh_public_identity,
    )

    try:
        found = load_ssh_public_identity(path.read_bytes().strip())
    except (OSError, ValueError) as error:
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


def certificate_words(login: SshLogin | None) -> str:
    """How long the certificate of a login lets in, or why it does not; "" where it has none."""
    if login is None or login.key is None:
        return ""
    key = Path(login.key).expanduser()
    path = Path(login.certificate).expanduser() if login.certificate else certificate_beside(key)
    if path is None:
        return ""
    try:
        found = inspect_certificate(path)
    except SignInRequired as error:
        return str(error)
    if problem := found.problem(datetime.now(UTC)):
        return f"{problem[0].upper()}{problem[1:]}."
    if found.valid_before is None:
        return f"The certificate {path} is valid for ever."
    return f"The certificate {path} is valid until {_clock(found.valid_before)}."


def _moment(seconds: int) -> datetime:
    """Clamped: a certificate may name moments no calendar knows."""
    return datetime.fromtimestamp(min(seconds, 253_402_300_799), UTC)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
