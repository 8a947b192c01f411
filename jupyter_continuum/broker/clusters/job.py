"""One job of a group as the broker keeps it, on disk too: what a restarted broker must know."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from jupyter_continuum.broker.words import one_line
from jupyter_continuum.planning.metering import Reading
from jupyter_continuum.planning.reconcile import JobRecord, Phase, job_name
from jupyter_continuum.planning.resolve import ResolvedGroup
from jupyter_continuum.relay.handshake import link_key
from jupyter_continuum.sites.protocols import Job, JobRequest, JobState
from jupyter_continuum.worker.deadlines import drain_seconds

TICKET_PROTOCOL = 1
PHASES = {
    JobState.QUEUED: Phase.QUEUED,
    JobState.RUNNING: Phase.RUNNING,
    JobState.ENDED: Phase.ENDED,
    JobState.FAILED: Phase.FAILED,
    JobState.CANCELLED: Phase.CANCELLED,
}
_BY_ITSELF = re.compile(r"(FAILED|exit ([1-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))(, .*)?")
"""A site's words for that; a shell says ``exit 137`` of a program that signal 9 has ended."""
OVER = (Phase.ENDED, Phase.FAILED, Phase.CANCELLED)


@dataclass(slots=True, repr=False)
class AgentEntry:
    """The agent of one node of a job. ``token`` is secret."""

    rank: int
    id: str
    token: str
    node: str = ""
    announced: bool = False
    granted: bool = False
    asked: str = ""
    """Digest of the request that was granted: the same one may be answered again."""
    refused: str = ""
    up: bool = False
    """Its link to the hub is up; not kept on disk."""
    carrier: str = ""
    """What its link rides on, or last did."""
    trouble: str = ""
    """Why its link is not up, when something is in the way; not kept on disk."""
    energy: list[Reading] = field(default_factory=list)
    """What its node's counters have counted so far."""

    @classmethod
    def from_disk(cls, stored: dict[str, Any]) -> Self:
        energy = [Reading(**each) for each in stored.get("energy", ())]
        return cls(**{**stored, "up": False, "trouble": "", "energy": energy})

    @property
    def key(self) -> bytes:
        return link_key(self.token)


@dataclass(slots=True, repr=False)
class JobEntry:
    """Everything of one job."""

    name: str
    number: int
    phase: Phase = Phase.PLANNED
    id: str = ""
    reason: str = ""
    meaning: str = ""
    """Of a reason to wait, in a sentence."""
    expected_start: str = ""
    foretold: float | None = None
    """When it was to begin, as the site first said."""
    submitted_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    cancelled_here: bool = False
    worked: bool = False
    gone_at: float | None = None
    """Since when the site has not listed it; not over until that lasts."""
    seen_at: float | None = None
    """The last look that found it, or when it was asked for."""
    started_after: float | None = None
    """The last look that found it waiting: it began between this and ``started_at``."""
    ended_after: float | None = None
    """The last look that found it alive: it ended between this and ``ended_at``."""
    site_started: float | None = None
    """When it began, by the site's clock."""
    site_ended: float | None = None
    site_joules: int | None = None
    """What the site's accounting says that it drew."""
    image: str = ""
    agents: list[AgentEntry] = field(default_factory=list)

    @classmethod
    def plan(cls, cluster: str, group: ResolvedGroup, number: int) -> Self:
        """A job with a name and tokens, of which nobody knows yet."""
        return cls(
            name=job_name(cluster, group.name, secrets.token_hex(4)),
            number=number,
            agents=[
                AgentEntry(rank, secrets.token_hex(4), secrets.token_hex(32))
                for rank in range(group.nodes)
            ],
        )

    @classmethod
    def from_disk(cls, stored: dict[str, Any]) -> Self:
        agents = [AgentEntry.from_disk(agent) for agent in stored["agents"]]
        phase = Phase(stored["phase"])
        if phase is Phase.PLANNED:  # it was written before the site was told, and may be known
            phase = Phase.SUBMITTING
        return cls(**{**stored, "phase": phase, "agents": agents})

    def to_disk(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def over(self) -> bool:
        return self.phase in OVER

    def record(self, workers_ready: int) -> JobRecord:
        """What ``planning.reconcile`` looks at."""
        return JobRecord(
            name=self.name,
            number=self.number,
            state=self.phase,
            workers_ready=workers_ready,
            worked=self.worked,
            submitted_at=self.submitted_at,
            started_at=self.started_at,
            ended_at=self.ended_at,
            reason=self.reason,
            cancelled_here=self.cancelled_here,
        )

    def observe(self, job: Job, now: float) -> bool:
        """Take over what the site says; True when something changed."""
        before = (self.phase, self.id, self.reason, self.expected_start)
        self.phase = PHASES[job.state]
        self.id = one_line(job.id, 64)
        self.reason = one_line(job.reason)
        self.meaning = job.meaning
        self.expected_start = _clock(job.expected_start)
        if self.foretold is None and job.expected_start is not None:
            self.foretold = job.expected_start.timestamp()
        self.gone_at = None
        self.image = job.image or self.image
        if job.started_at is not None:
            self.site_started = job.started_at.timestamp()
        if self.phase is Phase.RUNNING and self.started_at is None:
            self.started_at, self.started_after = now, self.seen_at
        if self.over:
            self.end(now)
            if job.ends_at is not None:
                self.site_ended = job.ends_at.timestamp()
            self.site_joules = job.energy_joules or self.site_joules
        self.seen_at = now
        return before != (self.phase, self.id, self.reason, self.expected_start)

    def end(self, now: float) -> None:
        """It is over, as is seen now."""
        if self.ended_at is None:
            self.ended_at, self.ended_after = now, self.seen_at

    @property
    def ended_by_itself(self) -> bool:
        """Whether its program chose to end: then its last words may say why."""
        return self.phase is Phase.ENDED or bool(_BY_ITSELF.fullmatch(self.reason))

    def hands_over(self, group: ResolvedGroup, now: float) -> bool:
        """Whether its agents hand over and leave by now, since its walltime is nearly over."""
        ends = self.ends(group)
        return ends is not None and now >= ends - drain_seconds(group.walltime_seconds)

    def ends(self, group: ResolvedGroup) -> float | None:
        """When its walltime is over, at the earliest; None while it does not run."""
        began = self.started_after or self.started_at
        if self.phase is not Phase.RUNNING or began is None:
            return None
        return began + group.walltime_seconds

    def waiting_for(self) -> str:
        """Why it does not run yet, in the site's words: ``Priority, est. 14:20``."""
        parts = [part for part in (self.reason, self.expected_start) if part]
        return ", ".join(parts)


def request(
    job: JobEntry,
    group: ResolvedGroup,
    *,
    cluster: str,
    cluster_id: str,
    lease_seconds: int,
    direct: str,
    outbound: dict[str, str] | None = None,
) -> JobRequest:
    """What is submitted for ``job``; ``outbound`` is the address that its agents may dial."""
    gigabytes = group.memory_gb_per_worker
    tickets = [
        {
            "protocol": TICKET_PROTOCOL,
            "cluster": cluster,
            "cluster_id": cluster_id,
            "site": group.site,
            "job": job.name,
            "rank": agent.rank,
            "agent": agent.id,
            "token": agent.token,
            "group": group.name,
            "job_number": job.number,
            "workers": group.workers_per_node,
            "threads": group.cpus_per_worker,
            "gpus_per_worker": group.gpus_per_worker,
            "memory_limit_bytes": int(gigabytes * 1e9),
            "lease_seconds": lease_seconds,
            "walltime_seconds": group.walltime_seconds,
            "direct": direct,
            **({"outbound": outbound} if outbound else {}),
        }
        for agent in job.agents
    ]
    return JobRequest(
        name=job.name,
        cluster=cluster_id,
        group=group.name,
        lease_seconds=lease_seconds,
        partition=group.partition,
        account=group.account,
        qos=group.qos,
        nodes=group.nodes,
        workers_per_node=group.workers_per_node,
        cpus_per_worker=group.cpus_per_worker,
        memory_gb_per_worker=gigabytes,
        gpus_per_worker=group.gpus_per_worker,
        gpu_type=group.gpu_type,
        walltime_seconds=group.walltime_seconds,
        python=group.python,
        join=[json.dumps(ticket).encode() for ticket in tickets],
        prologue=group.prologue,
    )


def _clock(moment: datetime | None) -> str:
    """``est. 14:20`` in this machine's time; with the date when it is not today."""
    if moment is None:
        return ""
    local = moment.astimezone()
    today = datetime.now(local.tzinfo).date()
    return f"est. {local:%H:%M}" if local.date() == today else f"est. {local:%d %b %H:%M}"
