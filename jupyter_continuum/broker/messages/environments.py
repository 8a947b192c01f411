"""Worker environments: compared with ours, and built."""

from __future__ import annotations

from jupyter_continuum.broker.messages.message import Message


class ParityRow(Message):
    """One thing that is installed here and there; "" where it is not, or not known."""

    what: str
    here: str
    there: str
    verdict: str
    """``same``, ``fine``, ``told``, ``refused`` or ``unknown``"""


class ParityView(Message):
    """The worker environment of a site beside ours."""

    site: str
    python: str
    rows: list[ParityRow] = []
    """Empty while it is not known."""
    refusal: str = ""
    """Why a launch is refused, and what mends it."""
    warnings: list[str] = []


class KeptView(Message):
    """A worker environment of an earlier lock that lies at a site."""

    path: str
    bytes: int | None = None
    """Measured only where it is removed; None where that took too long."""
    used: bool
    """A job, a cluster or a profile names it."""
    removed: bool = False


class PreparedView(Message):
    """A worker environment that fits, and that the profile names now."""

    site: str
    python: str
    packages: int
    way: str
    """``there already``, ``from the site's index`` or ``carried``"""
    carried_bytes: int = 0
    earlier: list[KeptView] = []
