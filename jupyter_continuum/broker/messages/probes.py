"""What probes measured at a site."""

from __future__ import annotations

from jupyter_continuum.broker.messages.message import Message


class ReachRow(Message):
    """One thing that a probe looked for at a site."""

    what: str
    found: str = ""
    """As text; "" when nothing is known."""
    verdict: str
    """``works``, ``fails``, ``unknown``, or ``fact`` for what can neither work nor fail."""
    reason: str = ""
    """Why it does not work, and what to do instead."""
    measured: str | None = None
    """The day; None when it was not measured."""
    expires: str | None = None
    """The last day on which it counts."""


class ReachView(Message):
    """What works at a site, as its last probe measured it."""

    offer: str
    node: str = ""
    chosen: str
    """The carrier in use, or why there is none and what to do."""
    reachable: bool
    """A carrier was measured to work."""
    measured: str
    rows: list[ReachRow] = []
