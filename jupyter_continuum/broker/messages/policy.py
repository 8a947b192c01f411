"""What the person's hard limits say of launches and offers."""

from __future__ import annotations

from typing import Any

from jupyter_continuum.broker.messages.message import Message


class FindingView(Message):
    """What one rule says of one site, or of a whole launch."""

    rule: str
    site: str = ""
    """"" of all sites together."""
    claim: str = ""
    """``site:field``: what an acceptance names."""
    verdict: str
    """``satisfied``, ``accepted``, ``unknown`` or ``refused``; the last two stop a launch."""
    said: str


class PolicyFacts(Message):
    """The policy that a cluster was launched under."""

    limits: dict[str, Any]  # the fields of a Policy that are set
    findings: list[FindingView] = []


class PolicyView(Message):
    """The policy of the person's settings, and what stops each offer."""

    path: str
    """Where it is written."""
    limits: dict[str, Any]
    offers: dict[str, list[FindingView]] = {}
    """Those that are not satisfied, by offer."""
