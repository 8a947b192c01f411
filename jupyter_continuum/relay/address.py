"""Relay addresses: ``site.agent:number``, or ``site.agent@host:port`` where TCP can be tried."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(
    r"(?P<site>[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?)"
    r"\.(?P<agent>[a-z0-9][a-z0-9-]{0,38})"
    r"(?:@(?P<host>[0-9A-Fa-f.:\[\]]{3,64}))?"
    r":(?P<number>[0-9]{1,5})"
)

HOME = "home"
"""The site of scheduler, hub and clients."""
ENDED = "has ended"
"""The last words about an address that nobody will ever listen at again."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a process of a cluster can be dialled."""

    site: str
    agent: str
    number: int
    """Tells the listeners of one agent apart; the TCP port when ``host`` is set."""
    host: str = ""
    """Numeric address inside the site, for those who share it; "" where there is none."""

    @property
    def exchange(self) -> str:
        """Name of the exchange that knows this process: ``site.agent``."""
        return f"{self.site}.{self.agent}"

    def __str__(self) -> str:
        host = f"@{self.host}" if self.host else ""
        return f"{self.site}.{self.agent}{host}:{self.number}"


def parse(text: str) -> Address:
    """The address in ``text``, with or without ``relay://``; ValueError when it is none."""
    match = _FORM.fullmatch(text.removeprefix("relay://"))
    if match is None:
        raise ValueError(f"{text!r} is not a relay address (site.agent:number)")
    number = int(match["number"])
    if number > 65535:
        raise ValueError(f"{text!r} is not a relay address: {number} is over 65535")
    return Address(match["site"], match["agent"], number, match["host"] or "")
