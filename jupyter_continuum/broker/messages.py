"""What the broker and its faces say to each other: one JSON object a line, over a Unix socket.

Request  ``{"id": 7, "method": "launch", "params": {...}}``
Answer   ``{"id": 7, "result": ...}``
Error    ``{"id": 7, "error": {"kind": "PlanRefused", "message": "..."}}``
Event    ``{"event": {"kind": "cluster", ...}}`` after ``subscribe``.

These models are the wire: server extension, CLI, kernel, scheduler plugin and the
TypeScript types all follow them. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from jupyter_continuum.broker.lines import PROTOCOL as PROTOCOL


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


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
    price_eur_per_hour: float | None = None
    launchable: bool = False
    reason: str = ""
    """Why it is not launchable, and what to do."""
    observed: datetime | None = None
    """When the free numbers were seen; None for catalogue values alone."""


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
    offers: list[OfferView] = []
    reach: ReachView | None = None
    """None: never measured, or too long ago."""
    probing: str = ""
    """How far a probe is that runs now; "" when none does."""


class WorkerState(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    JOINING = "joining"
    READY = "ready"
    UNREACHABLE = "unreachable"
    """Joined, and the scheduler or some site cannot exchange data with it: see its reason."""
    DRAINING = "draining"
    LOST = "lost"
    ENDED = "ended"
    FAILED = "failed"


class WorkerView(Message):
    name: str
    """``<group>-<job number>-<rank>-<device>``"""
    state: WorkerState
    reason: str = ""
    job: str
    job_id: str = ""
    node: str = ""
    device: str = ""
    address: str = ""
    threads: int | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    tasks_running: int | None = None
    tasks_done: int | None = None


class GroupView(Message):
    name: str
    site: str
    offer: str
    jobs_wanted: int
    workers_wanted: int
    workers_ready: int
    state: str
    """``waiting``, ``starting``, ``ready``, ``partial``, ``failed``, ``stopped``"""
    reason: str = ""
    """One sentence: what this group is waiting for."""
    carrier: str = ""
    """What the bytes of its workers ride on: ``ssh-forward``, ``outbound`` ..."""
    workers: list[WorkerView] = []


class LinkView(Message):
    """Bytes between two sites of a cluster, as the hub counted them."""

    source: str
    target: str
    bytes: int


class ClusterView(Message):
    name: str
    state: str
    """``starting``, ``running``, ``stopping``, ``stopped``, ``failed``"""
    reason: str = ""
    started: datetime
    groups: list[GroupView] = []
    links: list[LinkView] = []
    tasks_running: int = 0
    tasks_done: int = 0
    tasks_waiting: int = 0
    dashboard: bool = False
    """Whether Dask's pages can be looked at now."""
    attach: str = ""
    """The cell that attaches a notebook."""


class PromptView(Message):
    id: str
    kind: str
    site: str
    text: str
    secret: bool
    expires: datetime


class GroupDryRun(Message):
    group: str
    offer: str
    jobs: int
    workers: int
    script: str
    """What each job submits, to the letter."""


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


class DryRun(Message):
    """What a launch would do."""

    cluster: str
    groups: list[GroupDryRun]
    warnings: list[str] = []
    parity: list[ParityView] = []


class KeptView(Message):
    """A worker environment of an earlier lock that lies at a site."""

    path: str
    bytes: int | None = None
    """Measured only where it may be removed."""
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


class OrphanView(Message):
    """A job at a site that no cluster of this broker owns."""

    site: str
    job: str
    job_id: str
    state: str
    reason: str = ""


class ForeignClusterView(Message):
    """A Dask cluster at a site that somebody else started, with the Dask operator."""

    name: str
    """``site/name``: what ``attach`` takes."""
    site: str
    state: str
    workers: int | None = None
    attach: str
    """The cell that attaches a notebook."""


class AssociationView(Message):
    account: str
    qos: list[str] = []
    default_qos: str = ""
    partition: str = ""


class AddressView(Message):
    """The person's own address that sites can dial, and whether it can be dialled."""

    url: str
    listen: str = ""
    """``host:port`` of this machine; "" where others pass WebSockets on to ``socket`` alone."""
    socket: str = ""
    """Unix socket, for a reverse proxy or a Jupyter server of this machine that speaks TLS."""
    certificate: str
    """``self-made``, the path of the person's own, or "" where TLS ends at a proxy."""
    agents: int = 0
    """How many have dialled it and wait there."""
    reason: str = ""
    """Why nobody can dial it; "" when it listens."""


class SiteEvent(Message):
    kind: Literal["site"] = "site"
    site: SiteView


class ClusterEvent(Message):
    kind: Literal["cluster"] = "cluster"
    cluster: ClusterView


class ClusterGoneEvent(Message):
    kind: Literal["cluster-gone"] = "cluster-gone"
    name: str


class PromptEvent(Message):
    kind: Literal["prompt"] = "prompt"
    prompt: PromptView


class PromptGoneEvent(Message):
    kind: Literal["prompt-gone"] = "prompt-gone"
    id: str


class PrepareEvent(Message):
    """How far a worker environment is."""

    kind: Literal["prepare"] = "prepare"
    name: str
    """The site."""
    message: str


Event = Annotated[
    SiteEvent | ClusterEvent | ClusterGoneEvent | PromptEvent | PromptGoneEvent | PrepareEvent,
    Field(discriminator="kind"),
]


class Request(Message):
    id: int
    method: str
    params: dict[str, Any] = {}


class ErrorView(Message):
    kind: str
    message: str


METHODS = {
    "version": "() -> {protocol, version, pid}",
    "sites": "(retired: bool) -> [SiteView]; never waits for a site",
    "connect": "(profile: Profile) -> SiteView; saves the profile, logs in, may prompt",
    "disconnect": "(site) -> SiteView; closes the session and forgets the profile",
    "refresh": "(site) -> SiteView; looks now instead of at the next poll",
    "associations": "(site) -> [AssociationView]",
    "probe": "(site, offer: '' or id, wait_minutes, outbound: '' or host:port) -> ReachView, "
    "None when cancelled; runs a short job, SiteView.probing says how far it is",
    "cancel_probe": "(site) -> {}; returns when nothing of the probe is left",
    "reach": "(site, offer: '' or id) -> ReachView | None; what was measured before",
    "prepare": "(site, gpu, packages, directory, under_home, node_local, prune) -> PreparedView; "
    "builds a worker environment, names it in the profile; how far it is follows as events",
    "stop_preparing": "(site) -> {}; returns when nothing half is left there",
    "dry_run": "(plan) -> DryRun",
    "launch": "(plan) -> ClusterView; returns once the scheduler runs, jobs follow",
    "clusters": "() -> [ClusterView]",
    "cluster": "(name) -> ClusterView",
    "attach": "(name, csr) -> {address, hub, site, certificate, ca, config}",
    "foreign_clusters": "() -> [ForeignClusterView]; what others run at the sites",
    "attach_foreign": "(site, name) -> {socket}; leads to its scheduler, which speaks Dask's tcp",
    "dashboard": "(name) -> {socket}; where Dask's pages are: HTTP on a Unix socket, its owner's",
    "scale": "(name, group, jobs) -> ClusterView",
    "logs": "(name, group: '' or name, lines) -> {job name: text}",
    "stop": "(name) -> ClusterView; returns when nothing of it is left at any site",
    "audit": "(site: '' or id, end: bool) -> [OrphanView]",
    "address": "() -> AddressView or None; where agents of sites dial out to",
    "set_address": "(address: Address) -> AddressView; listens there, and keeps it",
    "forget_address": "() -> {}; listens no more",
    "prompts": "() -> [PromptView]",
    "answer": "(id, value) -> {}; value None refuses",
    "subscribe": "() -> {}; the current sites, clusters and prompts follow as events",
    "report": "(cluster, ...) from the cluster's scheduler alone",
    "shutdown": "() -> {}; ends the broker, clusters go on",
}
"""The broker's methods, for the reader and for the test that compares it with reality."""
