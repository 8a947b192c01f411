"""Sites, what can be allocated there, and how the person gets at them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from jupyter_continuum.broker.messages.message import Message
from jupyter_continuum.broker.messages.probes import ReachView


class SiteState(StrEnum):
    CATALOGUED = "catalogued"
    """Known from the catalogue; no profile yet, so not launchable."""
    CONNECTING = "connecting"
    SIGN_IN = "sign-in"
    """The site waits for the person: a code, a passphrase, a new certificate."""
    READY = "ready"
    UNREACHABLE = "unreachable"
    RETIRED = "retired"
    PLANNED = "planned"


class AmountView(Message):
    """A number and how it is known."""

    value: float | None = None
    kind: str = "unknown"
    """``measured``, ``estimated``, ``stated`` (somebody says so), ``unknown``"""
    source: str = ""
    reason: str = ""
    """Why it is unknown."""
    date: str = ""
    """Of the source, as exactly as it is known."""


class WaitView(Message):
    """How long jobs wait before they begin."""

    median: float | None = None
    """Seconds within which half of them begin; None: unknown."""
    likely: float | None = None
    """Seconds within which nine of ten begin; None: longer than was watched, or unknown."""
    kind: str = "unknown"
    source: str = ""
    reason: str = ""
    date: str = ""
    record: str = ""
    """How good such figures were before."""


class AssociationView(Message):
    """An account the person may charge, with the QoS it may use."""

    account: str
    qos: list[str] = []
    default_qos: str = ""
    partition: str = ""


class CredentialView(Message):
    """A certificate or a token that lets the person in; never the thing itself."""

    name: str
    expires: datetime | None = None
    """None: never, or unknown."""
    verdict: str
    """``valid``, ``soon`` (renew it), ``expired``, ``early`` (not valid yet), ``unknown``"""
    said: str
    """Until when, what that means, and how to renew it, in sentences."""


class OfferView(Message):
    """One thing that can be allocated at a site. None means unknown."""

    id: str
    """``site/partition``: what a Plan names."""
    site: str
    name: str
    country: str | None = None
    gpu_vendor: str | None = None
    gpu_model: str | None = None
    gpus_per_node: int | None = None
    gpu_memory_gb: float | None = None
    cpus_per_node: int | None = None
    memory_gb_per_node: float | None = None
    cpu_architecture: str | None = None
    max_walltime_minutes: int | None = None
    max_nodes: int | None = None
    nodes_total: int | None = None
    nodes_free: int | None = None
    cpus_free: int | None = None
    gpus_total: int | None = None
    gpus_free: int | None = None
    jobs_pending: int | None = None
    per: str = "node"
    """What the amounts are of an hour of: ``GPU``, ``GCD``, or ``node`` where there is neither."""
    wait: WaitView = WaitView()
    price_eur: AmountView = AmountView()
    unit: str = ""
    """What the site counts an allocation in: ``GPU-hour``, ``core-hour`` ...; "" when unknown."""
    units: AmountView = AmountView()
    left: AmountView = AmountView()
    """Of the person's allocation, in that unit."""
    charge: list[AssociationView] = []
    """Accounts, each with its QoS, that the site lets the person name with this partition; none
    where it keeps no such list."""
    whole_node: bool | None = None
    """Whether a job is charged whole nodes."""
    energy_kwh: AmountView = AmountView()
    carbon_g: AmountView = AmountView()
    launchable: bool = False
    reason: str = ""
    """Why it is not launchable, and what to do."""
    observed: datetime | None = None
    """When the free numbers were seen; None for catalogue values alone."""
    unverified: list[str] = []
    """Fields of this message whose value nobody vouches for any more, or never did."""


class ClaimView(Message):
    """What somebody says of one field of an offer, or of its site."""

    field: str
    """As OfferView or SiteView has it."""
    value: str
    kind: str
    """``official``, ``provider``, ``measured``, ``user``, ``estimate`` or ``unverified``"""
    source: str = ""
    url: str = ""
    observed: str = ""
    """When that was so, as exactly as it is known."""
    expires: str = ""
    note: str = ""
    verified: bool
    """Whether it may be relied on today."""


class RankView(Message):
    """Where an offer stands among all."""

    offer: str
    place: int | None = None
    """1 is best; None: what it would be ranked by is unknown."""
    line: str
    """Why it stands there."""


class SiteView(Message):
    """A site as a face shows it."""

    id: str
    name: str
    kind: str
    """``hpc``, ``cloud``, ``own``, ``local`` or ``emulated``."""
    operator: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    state: SiteState
    reason: str = ""
    """One sentence: since when, why, what to do."""
    since: datetime | None = None
    account: str = ""
    carrier: str | None = None
    """What the bytes of its workers ride on now: ``ssh-forward``, ``outbound`` ..."""
    carrier_reason: str = ""
    """Why no better one carries; "" when it is the best."""
    docs: str | None = None
    jurisdiction: str | None = None
    """Whose law it is run under."""
    unverified: list[str] = []
    """Fields of this message whose value nobody vouches for any more, or never did."""
    offers: list[OfferView] = []
    credentials: list[CredentialView] = []
    """What lets the person in and may expire, the most urgent first."""
    renewable: bool = False
    """Whether ``renew`` gets the person a new certificate."""
    reach: ReachView | None = None
    """None: never measured, or too long ago."""
    probing: str = ""
    """How far a probe is that runs now; "" when none does."""


class CandidateView(Message):
    """A site that the person has described to another program on this machine."""

    site: str
    """What it may be called here."""
    source: str
    name: str
    text: str
    profile: dict[str, Any]  # fields of a Profile, to be checked by it
    reason: str = ""
    """Why it cannot be used; its profile is empty then."""


class DraftView(Message):
    """The person's side of a site, as far as it is known: where a face begins to ask."""

    site: str
    user: str
    """Their name on this machine."""
    profile: dict[str, Any]  # fields of a Profile, to be checked by it
    access: str = ""
    """How one gets in, in the words of the site's record."""
    terms: str = ""
    """Where its terms of use are; "" when nobody says so."""
    docs: str = ""
    """Where its documentation is."""
    candidates: list[CandidateView] = []
