"""Grammars of what a record may say: plain text, host names, addresses, ids."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, StringConstraints

# Line ends, escapes and marks that reverse the direction of what follows could make a
# face or a terminal show something else than the record says.
_PLAIN = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*$"

SITE_ID = r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$"
OFFER_KEY = r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"

Text = Annotated[str, StringConstraints(pattern=_PLAIN, max_length=2000)]
SiteId = Annotated[str, StringConstraints(pattern=SITE_ID)]
OfferKey = Annotated[str, StringConstraints(pattern=OFFER_KEY)]
Word = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9_.@+-]{0,62}[A-Za-z0-9])?$")
]
"""What may be spliced into a batch directive: partition, QoS, constraint."""
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00-\x20\x7f\"'<>`]{1,1000}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2."""
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}(?:-[01]\d(?:-[0-3]\d)?)?$")]
"""As exact as the source is: ``2026``, ``2026-08`` or ``2026-08-21``."""

Count = Annotated[int, Field(ge=0, le=10_000_000)]
Positive = Annotated[float, Field(gt=0, le=1e12)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


def slug(text: str) -> str:
    """The offer key for a partition or instance type of that name.

    >>> slug("Bare Metal 8x H200 IB")
    'bare-metal-8x-h200-ib'
    """
    return re.sub(r"[^a-z0-9._]+", "-", text.lower())[:64].strip("-._")
