"""What lets the person in at a site, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Credential:
    """Names a certificate or a token; never holds it."""

    name: str
    """``certificate /home/ada/.ssh/id_ed25519-cert.pub``: enough to find it."""
    begins: datetime | None = None
    expires: datetime | None = None
    """None: it never does, or nobody can tell; ``note`` says which."""
    renewal: str = ""
    """What the person does for a new one, as a sentence; "" where that needs no person."""
    note: str = ""
    """A sentence on one whose end is not known."""


@runtime_checkable
class TellsCredentials(Protocol):
    """A Transport whose way in may expire."""

    async def credentials(self) -> tuple[Credential, ...]:
        """Read anew, from what lies on this machine alone: nobody is asked, nothing is sent."""
