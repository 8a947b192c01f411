"""What the rest of the house may ask of a site: a Transport, its Carriers, and a Launcher.

``testing.py`` beside this file holds the contract as tests that anybody's own
Transport, Carrier or Launcher can inherit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command at a site left behind."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway listens at a site: TCP ``host:port``, or a Unix socket ``path``."""

    host: str = ""
    port: int = 0
    path: str = ""


class CarrierName(StrEnum):
    """What the relay's bytes ride on to a site."""

    SOCKET = "socket"
    """A socket of this machine: local and emulated sites, ``sbatch`` on this machine."""
    FORWARD = "ssh-forward"
    """SSH direct-tcpip through the login node."""
    EXEC = "ssh-exec"
    """A relay program that SSH runs on the login node, where forwarding is denied."""
    OUTBOUND = "outbound"
    """The agent dials an address of the person's own, by TLS and WebSocket."""
    KUBERNETES = "kubernetes"
    """Port-forward of the Kubernetes API."""


class Forward(Protocol):
    """An open way into a site: bytes written to ``path`` here come out at a gateway there."""

    @property
    def path(self) -> Path:
        """A Unix socket on this machine, in a folder that only its owner can enter."""

    async def close(self) -> None: ...


class Carrier(Protocol):
    """One kind of way from here to a site's agents."""

    @property
    def name(self) -> CarrierName: ...

    async def open(self, agent: Agent, path: Path) -> Forward:
        """Open a way to the agent's gateway; ``path`` is free for a Unix socket to be made at.

        Every connection to ``path`` comes out at the gateway as one of its own. Raises
        CarrierDenied (this carrier cannot work at this site, and why), SiteUnreachable
        (try again later) or SignInRequired.
        """


class Transport(Protocol):
    """Opens byte streams into a site. One login, kept."""

    async def connect(self) -> None:
        """Log in; returns at once when already connected.

        Raises SiteUnreachable, SignInRequired or HostKeyChanged.
        """

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        """Ways to the site's agents, the preferred one first."""

    async def close(self) -> None: ...


@runtime_checkable
class HostsClusters(Transport, Protocol):
    """A Transport of a site where others run Dask clusters (``SiteStatus.clusters``)."""

    async def find_scheduler(self, name: str) -> Agent:
        """Where the scheduler of cluster ``name`` listens, for a carrier. Unknown, SiteError."""


class Shell(Transport, Protocol):
    """A Transport that runs commands at the site too."""

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        """Run a POSIX shell command, ``input`` on its standard input.

        Raises SiteUnreachable when there is no answer within ``timeout_seconds``; the
        command may have run all the same.
        """


@runtime_checkable
class LendsPort(Protocol):
    """A Transport that can ask a login node to listen for it."""

    def lend_port(self, greeting: bytes) -> AbstractAsyncContextManager[int]:
        """A port, asked for on all addresses of the login node; whoever gets in is greeted.

        That it was granted says nothing of where it listens. CarrierDenied when it is not.
        """


class Asker(Protocol):
    """Asks the person at whichever face is open."""

    async def ask(self, question: Question) -> str | None:
        """The answer, or None when nobody answered in time."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something only the person knows. The answer is never stored or logged."""

    kind: str
    """``code``, ``passphrase``, ``password`` or ``host-key`` (answer ``yes``)."""
    site: str
    text: str
    """One or two sentences for the person."""
    secret: bool
    """Hide what is typed."""


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """One batch job: ``nodes`` nodes, on each of them one worker agent, or one node's probe.

    All text that reaches a script was checked against a grammar in ``planning``; a
    Launcher checks again what it splices into its own language.
    """

    name: str
    """Unique for ever, ``jc-<cluster>-<group>-<8 hex>``: how a job is found again."""
    cluster: str = ""
    """Id of the cluster it works for, group and lease: for the labels of sites that have labels."""
    group: str = ""
    lease_seconds: float = 0
    partition: str = ""
    account: str = ""
    qos: str = ""
    nodes: int = 1
    workers_per_node: int = 1
    cpus_per_worker: int = 1
    memory_gb_per_worker: float = 0
    """0: the partition's default."""
    gpus_per_worker: int = 0
    gpu_type: str = ""
    """The GRES type (``a100``), or "" for an untyped request."""
    walltime_seconds: int = 3600
    python: str = "python3"
    """Interpreter of the worker environment at the site."""
    join: Sequence[bytes] = ()
    """One secret JSON document per node rank, for the worker agent of that rank."""
    prologue: str = ""
    """Shell lines of the person's profile (module load ...), before the agent."""
    program: Literal["worker", "probe"] = "worker"
    """``probe``: the text of ``sites/probe`` travels with the job, which needs no environment."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the site sees it."""

    name: str
    id: str
    state: JobState
    reason: str = ""
    """The site's own word: ``Priority``, ``TIMEOUT``, ``exit 1``."""
    meaning: str = ""
    """Of a reason to wait: what it means, and what would help; "" where the word says it."""
    expected_start: datetime | None = None
    started_at: datetime | None = None
    """When it began, by the site's clock; None where the site does not say."""
    ends_at: datetime | None = None
    """When it ends at the latest, or, once it is over, when it ended: by the site's clock."""
    image: str = ""
    """The container image that runs, with its digest; "" where none does."""
    energy_joules: int | None = None
    """What its nodes drew, once it is over, by the site's accounting; None: unknown."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A worker agent that has told where its gateway listens. Hostile until it has joined."""

    job: str
    rank: int
    node: str
    endpoints: tuple[Endpoint, ...]
    """In order of preference."""
    trouble: str = ""
    """Why it cannot dial out to us, in its own words; "" when it can, or was not told where."""


@dataclass(frozen=True, slots=True)
class Admits:
    """Whom a partition lets in. None: there is no such list."""

    accounts: tuple[str, ...] | None = None
    """These, and those below them."""
    not_accounts: tuple[str, ...] = ()
    qos: tuple[str, ...] | None = None
    not_qos: tuple[str, ...] = ()


EVERYBODY = Admits()


@dataclass(frozen=True, slots=True)
class OfferStatus:
    """How busy one offer is. None means unknown."""

    partition: str
    nodes_total: int | None = None
    nodes_free: int | None = None
    cpus_free: int | None = None
    gpus_total: int | None = None
    gpus_free: int | None = None
    gpu_type: str = ""
    gpus_per_node: int | None = None
    cpus_per_node: int | None = None
    memory_gb_per_node: float | None = None
    jobs_pending: int | None = None
    max_walltime_seconds: int | None = None
    max_nodes: int | None = None
    state: str = ""
    """The partition's state in the site's own words; "" and ``UP`` take jobs."""
    admits: Admits = EVERYBODY


@dataclass(frozen=True, slots=True)
class Association:
    """An account the person may charge, with the QoS it may use."""

    account: str
    qos: tuple[str, ...] = ()
    default_qos: str = ""
    partition: str = ""
    """Set when the association holds for one partition only."""


BooksCommand = Literal["lumi-allocations", "saldo"]
"""A site's own command that tells what is left of allocations; of others Slurm's books are read."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What an account may use of one resource, and what it has used of it."""

    account: str
    resource: str
    """``cpu``, ``node``, ``billing``, ``gres/gpu`` or ``gres/gpu:TYPE``, as Slurm counts them; or
    the site's own unit: ``core-hour``, ``GPU-hour``."""
    granted_hours: float
    used_hours: float
    holder: str = ""
    """Whose limit it is: the account's, one above it, or the person's own in it."""
    partition: str = ""
    """Name or pattern (``boost_*``) of the partitions that it is for; "" of all."""
    until: str = ""
    """The last day of the grant, where it is told."""


@dataclass(frozen=True, slots=True)
class Books:
    """What the site's books say of the person's accounts."""

    budgets: tuple[Budget, ...] = ()
    parents: Mapping[str, str] = field(default_factory=dict)
    """The account above each, where there is one."""
    observed: datetime | None = None
    why: str = ""
    """Why they could not be read; "" when they could."""


@dataclass(frozen=True, slots=True)
class ForeignCluster:
    """A Dask cluster at the site that somebody else started: one can attach, and no more."""

    name: str
    state: str
    """In the words of whoever runs it."""
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """One look at a site, by one batched command."""

    observed: datetime
    jobs: tuple[Job, ...] = ()
    """Jobs whose name starts with ``jc-`` and which the site still knows."""
    agents: tuple[Agent, ...] = ()
    offers: tuple[OfferStatus, ...] = ()
    clusters: tuple[ForeignCluster, ...] = ()
    books: Books | None = None
    """As they were when they were last asked for; None where a site keeps none."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What could not be read, by part, as sentences."""


class Launcher(Protocol):
    """Submits, polls and cancels jobs at a site. Keeps no state of its own that a restart loses."""

    def script(self, request: JobRequest) -> str:
        """What would be submitted, to the letter; holds no secret. Pure."""

    async def submit(self, request: JobRequest) -> Job:
        """Submit once, however often it is called with the same name.

        Raises SubmitRefused (the site said no) or SiteUnreachable (try again later).
        """

    async def poll(self) -> SiteStatus:
        """Own jobs, agents that announced themselves, and how busy each partition is."""

    async def agents(self) -> tuple[Agent, ...]:
        """Only the agents: cheap, does not touch the batch system."""

    async def cancel(self, names: Sequence[str]) -> None:
        """End these jobs, pending or running. Unknown names are no error."""

    async def log(self, name: str) -> str:
        """The last 64 KiB of what the job printed, "" when there is nothing."""

    async def forget(self, names: Sequence[str]) -> None:
        """Remove what ``submit`` left at the site for jobs that have ended."""

    async def associations(self) -> tuple[Association, ...]:
        """Accounts the person may charge; empty where the site keeps none."""


@runtime_checkable
class Foretells(Protocol):
    """A Launcher whose site can say when it would begin a job."""

    async def wait_seconds(self, request: JobRequest) -> float:
        """Until the job would begin, were it submitted now. Nothing is submitted.

        It costs the site an id and a look at its whole queue. Raises SubmitRefused (the site
        would say no), SiteUnreachable, or SiteError where the answer says nothing.
        """
