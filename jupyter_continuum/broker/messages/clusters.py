"""Clusters, their groups, links and workers; and what others run, or nobody owns."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from jupyter_continuum.broker.messages.datasets import ResidencyView
from jupyter_continuum.broker.messages.environments import ParityView
from jupyter_continuum.broker.messages.message import Message
from jupyter_continuum.broker.messages.policy import FindingView
from jupyter_continuum.broker.messages.sites import AmountView, WaitView


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


class DeviceView(Message):
    """A GPU of a worker, or its share of a processor, as it was a heartbeat ago."""

    device: str = ""
    """What the batch system calls the GPU; "" for a processor."""
    model: str = ""
    busy_percent: int | None = None
    memory_bytes: int | None = None
    memory_total_bytes: int | None = None
    power_watts: int | None = None


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
    devices: list[DeviceView] = []


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
    meaning: str = ""
    """What the site's own word in it means, and what would help."""
    ends: datetime | None = None
    """When the first of its running jobs ends by its walltime, at the earliest."""
    carrier: str = ""
    """What the bytes of its workers ride on: ``ssh-forward``, ``outbound`` ..."""
    workers: list[WorkerView] = []


class LinkView(Message):
    """Bytes between two sites of a cluster, as the hub counted them."""

    source: str
    target: str
    bytes: int


class ClientView(Message):
    """A client that is connected now; it may run code wherever the cluster has workers."""

    leaf: str
    """The name in its certificate."""
    who: str = ""
    """As it says itself."""
    since: datetime
    until: datetime
    """The end of its certificate."""


class PlaceView(Message):
    """A site where clients of a cluster can run code, and its workers' own certificates."""

    site: str
    runs_as: str = ""
    """Whose rights code has there; "" when the site is not connected."""
    account: str = ""
    """What is charged; "" for the site's default."""
    workers: int = 0
    """With a certificate, of jobs that have not ended."""
    until: datetime | None = None
    """The end of the last of these."""


class AccessView(Message):
    """Who can run code where."""

    open: bool = True
    """Whether further clients are let in."""
    clients: list[ClientView] = []
    away: int = 0
    """Certificates that are valid, and whose holder is not connected or has ended."""
    away_until: datetime | None = None
    places: list[PlaceView] = []


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
    eur: AmountView = AmountView()
    """Spent so far, where its ``reason`` says what is not in it; as in the three below."""
    eur_per_hour: AmountView = AmountView()
    """While as many jobs run as run now."""
    carbon_kg: AmountView = AmountView()
    carbon_kg_per_hour: AmountView = AmountView()
    lease_seconds: int = 0
    """How long its jobs live on without hearing from it."""
    held: bool = False
    """Whether it is stopped after its lease once nobody holds it, as a run does."""
    access: AccessView = AccessView()
    residency: list[ResidencyView] = []
    """What it has opened that must stay, and what that binds it to."""
    dashboard: bool = False
    """Whether Dask's pages can be looked at now."""
    attach: str = ""
    """The cell that attaches a notebook."""


class GroupDryRun(Message):
    group: str
    offer: str
    jobs: int
    workers: int
    script: str
    """What each job submits, to the letter."""
    wait: WaitView = WaitView()
    eur: AmountView = AmountView()
    """Of all jobs until their walltime, as are the amounts below."""
    unit: str = ""
    """What the site counts an allocation in; "" when unknown."""
    units: AmountView = AmountView()
    energy_kwh: AmountView = AmountView()
    carbon_kg: AmountView = AmountView()
    certificate: str = ""
    """How long the certificate for the site lets in: one sentence; "" where there is none."""


class DryRun(Message):
    """What a launch would do."""

    cluster: str
    plan: str = ""
    """What was asked for, as a file holds it."""
    groups: list[GroupDryRun]
    warnings: list[str] = []
    parity: list[ParityView] = []
    policy: list[FindingView] = []
    refusal: str = ""
    """Why the person's policy refuses the launch, and what to do; "" when it does not."""


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
