"""The run record as it is published: every number says how it is known. Times are in UTC.

``schemas/run-record.schema.json`` is its JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quantity(Part):
    """A number with how it is known."""

    value: float | None = Field(description="null: unknown, and `reason` says why")
    unit: Literal["h", "kWh", "kgCO2eq"]
    kind: Literal["measured", "estimated", "stated", "unknown"]
    least: float | None = None
    """It is not less, as far as was watched."""
    most: float | None = None
    source: str = ""
    """What measured it, or what the estimate rests on."""
    reason: str = ""


class Notebook(Part):
    """The notebook of a run."""

    name: str
    sha256: str
    """Of the file that was run, in hexadecimal digits."""
    output: str
    output_sha256: str
    kernel: str
    parameters: dict[str, Any]  # whatever JSON holds
    state: Literal["completed", "failed", "interrupted"]
    cells_run: int
    started: AwareDatetime
    ended: AwareDatetime


class SweepPart(Part):
    """A notebook that was run with many parameters, as far as all of its runs have come."""

    notebook: str
    digest: str
    """SHA-256 of the notebook's cells, in hexadecimal digits; their outputs do not count."""
    kernel: str
    axes: dict[str, list[Any]]
    """The values of each parameter, of which all combinations are run."""
    fixed: dict[str, Any]
    runs: int
    """That there are to be."""
    completed: int
    failed: int
    died: int
    run_seconds: float
    """Of all runs that have ended, added."""
    started: AwareDatetime
    """When the sweep began, or went on: what this record covers."""
    ended: AwareDatetime
    runs_here: tuple[int, ...]
    """Numbers of the runs that ended between."""
    runs_of_no_record: tuple[int, ...]
    """They ended in a sweep that was killed before it could write its record."""
    earlier_records: tuple[str, ...]
    """Files of this folder, on what the same sweep did before."""
    energy_of_runs: str
    """How the table's column of energy is known, or why it is empty."""


class ClusterPart(Part):
    name: str
    id: str
    state: str
    started: AwareDatetime
    ended: AwareDatetime | None
    lease_seconds: int
    """How long its workers live without hearing from it."""


class Gap(Part):
    """Nobody watched: changes between were seen at its end."""

    start: AwareDatetime
    end: AwareDatetime


class SitePart(Part):
    id: str
    name: str
    kind: Literal["hpc", "cloud", "own", "local", "emulated"]
    """``emulated``: an imitation, whose work ran on the person's own machine."""
    operator: str
    country: str | None
    """ISO 3166-1 alpha-2, by the claim of that name; null: unknown."""
    jurisdiction: str | None


class Job(Part):
    id: str
    """What the site calls it."""
    state: str
    nodes: tuple[str, ...]
    image: str
    """The container image with its digest; "" where none was used."""
    asked: AwareDatetime | None
    started: AwareDatetime | None
    """When it was first seen running."""
    ended: AwareDatetime | None
    hours: float | None
    """Null: it was over when it was first seen, and the site does not say how long it ran."""


class EnergyPart(Part):
    """What one kind of counter measured of a group. Parts overlap: a node has its devices in it."""

    of: Literal["devices", "processors", "memory", "nodes"]
    counter: Literal["nvml", "amdgpu", "cray", "rapl", "slurm"]
    others_in_it: bool | None
    """Whether it counted other jobs, too; null: perhaps."""
    node_hours: float
    """Over which it was read."""
    energy: Quantity
    carbon: Quantity


class GroupPart(Part):
    """The workers from one offer."""

    name: str
    site: str
    offer: str
    partition: str
    qos: str
    nodes_per_job: int
    workers_per_node: int
    cpus_per_worker: int
    gpus_per_worker: int
    gpu_type: str
    memory_gb_per_worker: float | None
    """Null: the partition's default."""
    walltime_seconds: int
    environment_lock: str | None
    """Digest of the lock its worker environment was built from; null where it has none."""
    images: tuple[str, ...]
    """Container images that were run, with their digests; where no digest is known, as asked for"""
    counters: tuple[str, ...]
    """Energy counters that a probe found on such nodes."""
    jobs: tuple[Job, ...]
    earlier_jobs: int
    """Jobs that ended long ago, of which only the sums below are kept."""
    wall_hours: Quantity
    """Of its jobs, added."""
    core_hours: Quantity
    """As the jobs asked for: a site that gives whole nodes counts more."""
    device_hours: Quantity
    energy: Quantity
    """Of the jobs' whole part of their nodes; where only `energy_parts` are known, it is more."""
    carbon: Quantity
    energy_parts: tuple[EnergyPart, ...]
    """What was measured, by kind of counter; not to be added to `energy`."""


class ClaimPart(Part):
    """Something that was taken as known, and who says so."""

    about: str
    field: str
    value: Any  # text, a number, a flag or a list
    kind: Literal["official", "provider", "measured", "user", "estimate", "unverified", "live"]
    """``live``: the site itself said so when it was last looked at before the launch."""
    source: str
    url: str
    observed: str
    expires: str
    note: str
    checked: bool
    """The plan was checked against it."""


class PolicyFinding(Part):
    """What a rule of the policy said when the cluster was launched."""

    rule: str
    site: str
    """"" of all sites together."""
    verdict: Literal["satisfied", "accepted"]
    """``accepted``: it rests on a claim that is unknown, and that the person took as it is."""
    said: str


class Limits(Part):
    """The policy in force: what the person forbade."""

    in_force: bool
    said: str
    limits: dict[str, Any] = {}  # the fields of a Policy that were set
    findings: tuple[PolicyFinding, ...] = ()


class Versions(Part):
    where: str
    """``client``, ``scheduler``, or the workers of a group."""
    agents: int | None
    """Of how many agents, each on one node; null where it is one process."""
    python: str | None
    packages: dict[str, str]
    cupy: str | None
    cuda_runtime: str | None
    cuda_driver: str | None
    architecture: str | None
    libc: str | None
    gpus: tuple[str, ...]


class Traffic(Part):
    """Bytes that went through the hub from one site to another."""

    source: str
    """``home`` is the person's own machine, with scheduler and notebook."""
    target: str
    bytes: Annotated[int, Field(ge=0)]
    source_country: str | None
    target_country: str | None
    crosses_border: bool | None
    """Null: a country is unknown."""


class Host(Part):
    """A remote host that was contacted."""

    site: str
    role: Literal["login node", "jump host", "Kubernetes API", "worker gateway"]
    host: str
    port: int | None
    by: tuple[str, ...] = ()
    """The carriers by which a worker gateway was reached."""


class Totals(Part):
    wall_hours: Quantity
    core_hours: Quantity
    device_hours: Quantity
    energy: Quantity
    carbon: Quantity
    bytes_between_sites: int
    bytes_across_borders: int
    bytes_across_unknown_borders: int
    """Between two places of which a country is unknown."""


class RunRecord(Part):
    """What ran where, under which versions, at which cost; and what is not known of it."""

    format: Literal["jupyter-continuum run record 1"] = "jupyter-continuum run record 1"
    written: AwareDatetime
    start: AwareDatetime
    """What it covers begins here: the run, or the whole life of the cluster."""
    end: AwareDatetime
    complete: bool
    """Nothing can be added: the run, or the cluster, has ended."""
    notebook: Notebook | None
    """Null for interactive work, and for a sweep."""
    sweep: SweepPart | None
    cluster: ClusterPart
    gaps: tuple[Gap, ...]
    sites: tuple[SitePart, ...]
    groups: tuple[GroupPart, ...]
    totals: Totals
    traffic: tuple[Traffic, ...]
    hosts: tuple[Host, ...]
    versions: tuple[Versions, ...]
    policy: Limits
    claims: tuple[ClaimPart, ...]
    notes: tuple[str, ...]
    """What a reader has to know, a sentence each."""
