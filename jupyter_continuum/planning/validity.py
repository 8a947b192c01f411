"""How much longer a credential lets somebody in, and when to say so. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from jupyter_continuum.sites.credential import Credential

SHORTEST_NOTICE = timedelta(minutes=15)
LONGEST_NOTICE = timedelta(days=3)
USUAL_LIFETIME = timedelta(hours=12)
"""Of a site's SSH certificate, where its beginning is not told."""


class Verdict(StrEnum):
    VALID = "valid"
    SOON = "soon"
    """It expires soon, and only the person can renew it."""
    EXPIRED = "expired"
    EARLY = "early"
    """Not valid yet: a clock is wrong."""
    UNKNOWN = "unknown"
    """Its end is not known, or it has none."""


URGENT = (Verdict.EXPIRED, Verdict.EARLY, Verdict.SOON, Verdict.VALID, Verdict.UNKNOWN)


def judge(credential: Credential, now: datetime) -> Verdict:
    if credential.expires is None:
        return Verdict.UNKNOWN
    if credential.expires <= now:
        return Verdict.EXPIRED
    if credential.begins is not None and credential.begins > now:
        return Verdict.EARLY
    notice = _notice_at(credential)
    return Verdict.SOON if notice is not None and notice <= now else Verdict.VALID


def next_change(credential: Credential, now: datetime) -> datetime | None:
    """When the verdict will be another one; None: never."""
    moments = (credential.begins, _notice_at(credential), credential.expires)
    return min((each for each in moments if each is not None and each > now), default=None)


def sentence(credential: Credential, now: datetime, *, connected: bool) -> str:
    """Until when it is valid, and what to do about it. ``connected``: a login is open."""
    verdict, name = judge(credential, now), f"The {credential.name}"
    parts = [credential.note]
    if verdict in (Verdict.VALID, Verdict.SOON):
        parts = [f"{name} is valid until {_clock(credential.expires)}."]
    elif verdict is Verdict.EARLY:
        parts = [f"{name} is valid only from {_clock(credential.begins)}."]
        parts.append("Check this machine's clock.")
    elif verdict is Verdict.EXPIRED:
        parts = [f"{name} expired at {_clock(credential.expires)}."]
        if connected:
            parts.append("The open connection goes on; the next one needs it renewed.")
    if verdict in (Verdict.SOON, Verdict.EXPIRED):
        parts.append(credential.renewal)
    return " ".join(part for part in parts if part)


def _notice_at(credential: Credential) -> datetime | None:
    """A twelfth of its life before its end, within reason; None where nobody need act."""
    if credential.expires is None or not credential.renewal:
        return None
    begins = credential.begins
    lifetime = USUAL_LIFETIME if begins is None else credential.expires - begins
    return credential.expires - min(max(lifetime / 12, SHORTEST_NOTICE), LONGEST_NOTICE)


def _clock(moment: datetime | None) -> str:
    assert moment is not None
    return f"{moment:%Y-%m-%d %H:%M} UTC"
