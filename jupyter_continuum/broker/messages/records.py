"""What the broker knows of a cluster's life: the facts of its run record. Times are in UTC.

Nothing here names a person: no user, account, key or folder; and no text of a site but names that
have passed a grammar.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

from jupyter_continuum.broker.messages.datasets import ResidencyView
from jupyter_continuum.broker.messages.message import Message
from jupyter_continuum.broker.messages.policy import PolicyFacts
from jupyter_continuum.cluster.environment import PACKAGES
from jupyter_continuum.cluster.parity import shown
from jupyter_continuum.planning.hours import JobTimes
from jupyter_continuum.planning.metering import Reading

SAID = ("python", "cupy", "cuda_runtime", "cuda_driver", "architecture", "libc")
MOST_GPUS = 64
"""Of one node."""


class JobFacts(JobTimes, Message):
    """One job that a site was asked for, and when it changed."""

    group: str
    id: str = ""
    """What the site calls it."""
    state: str
    foretold: datetime | None = None
    """When it was to begin, as the site first said."""
    nodes: list[str] = []
    carriers: list[str] = []
    """What its links rode on."""
    image: str = ""
    """The container image it ran in, with its digest."""
    energy: list[Reading] = []
    """What the energy counters of its nodes, or its site's accounting, have counted."""


class EarlierFacts(Message):
    """Jobs of a group that ended so long ago that only their sums are kept."""

    group: str
    jobs: int = 0
    seconds: float = 0
    least_seconds: float = 0
    most_seconds: float = 0
    energy: list[Reading] = []
    ended: datetime
    """The last of them."""


class EnvironmentFacts(Message):
    """What is installed at one side, as it said itself."""

    where: str
    """``scheduler``, or the name of a group."""
    agents: int = 1
    """How many agents of the group said so."""
    python: str = ""
    packages: dict[str, str] = {}
    cupy: str = ""
    cuda_runtime: str = ""
    cuda_driver: str = ""
    architecture: str = ""
    libc: str = ""
    gpus: list[str] = []
    """Their models."""

    @classmethod
    def read(cls, where: str, report: Mapping[str, Any]) -> Self:  # Any: whatever JSON held
        """What ``environment()`` gives, of a site perhaps: as far as it looks like versions."""
        packages, told = report.get("packages"), report.get("gpus")
        versions = packages if isinstance(packages, Mapping) else {}
        devices = told if isinstance(told, list) else []
        models = [shown(each.get("model")) for each in devices if isinstance(each, Mapping)]
        return cls(
            where=where,
            packages={name: text for name in PACKAGES if (text := shown(versions.get(name)))},
            gpus=sorted(filter(None, models))[:MOST_GPUS],
        ).model_copy(update={name: shown(report.get(name)) for name in SAID})


class GroupFacts(Message):
    """What each job of a group asked for."""

    name: str
    site: str
    offer: str
    partition: str = ""
    qos: str = ""
    jobs_wanted: int
    nodes: int
    workers_per_node: int
    cpus_per_worker: int
    gpus_per_worker: int
    gpu_type: str = ""
    memory_gb_per_worker: float
    walltime_seconds: int
    lock: str = ""
    """Digest of the lock that `jupyter continuum prepare` built its environment from."""
    image: str = ""
    """The container image that was asked for."""
    counters: list[str] = []
    """Energy counters that a probe found on nodes of the offer."""


class ClaimFacts(Message):
    """One thing that was taken as known of a site or an offer, and who says so."""

    about: str
    field: str
    value: Any  # a claim holds text, numbers, flags or lists
    kind: str
    """A kind of the catalogue's claims, or ``live``: the site itself, when it was last looked at"""
    source: str = ""
    url: str = ""
    observed: str = ""
    expires: str = ""
    note: str = ""
    checked: bool
    """The plan was checked against it; False: it is for the record alone."""


class SiteFacts(Message):
    id: str
    name: str
    kind: str
    """``hpc``, ``cloud``, ``own``, ``local`` or ``emulated``"""
    operator: str = ""


class HostFacts(Message):
    """A remote host that was dialled from here."""

    site: str
    role: Literal["login node", "jump host", "Kubernetes API"]
    host: str
    port: int | None = None


class TrafficFacts(Message):
    """Bytes from one site to another, as the hub counted them. ``home`` is this machine."""

    source: str
    target: str
    bytes: int


class GapFacts(Message):
    """No broker watched: what happened between was seen at its end at the earliest."""

    start: datetime
    end: datetime


class ClusterFacts(Message):
    """Everything of one cluster's life."""

    name: str
    id: str
    state: str
    started: datetime
    asked: datetime
    """When these facts were taken."""
    ended: datetime | None = None
    lease_seconds: int
    policy: PolicyFacts | None = None
    """None: nothing was forbidden."""
    residency: list[ResidencyView] = []
    """What it opened that must stay, and what that bound it to."""
    groups: list[GroupFacts] = []
    jobs: list[JobFacts] = []
    earlier: list[EarlierFacts] = []
    environments: list[EnvironmentFacts] = []
    sites: list[SiteFacts] = []
    claims: list[ClaimFacts] = []
    hosts: list[HostFacts] = []
    traffic: list[TrafficFacts] = []
    gaps: list[GapFacts] = []


class RecordView(Message):
    """A cluster whose record can be had."""

    name: str
    id: str
    """Tells it from an earlier cluster of the same name."""
    state: str
    started: datetime
    ended: datetime | None = None
