"""What a face sees of a cluster: a state and a reason on every worker. Pure."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from jupyter_continuum.broker.clusters.access_view import access_view
from jupyter_continuum.broker.clusters.cluster import Cluster
from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.job import AgentEntry, JobEntry
from jupyter_continuum.broker.messages.clusters import (
    ClusterView,
    DeviceView,
    GroupView,
    LinkView,
    WorkerState,
    WorkerView,
)
from jupyter_continuum.broker.messages.sites import AmountView
from jupyter_continuum.planning.amount import Amount
from jupyter_continuum.planning.reconcile import Phase
from jupyter_continuum.relay.address import HOME


def cluster_view(cluster: Cluster, now: float) -> ClusterView:
    """The cluster as it is ``now``, in seconds of the epoch."""
    spent = cluster.spent()
    return ClusterView(
        name=cluster.name,
        state=cluster.state,
        reason=cluster.reason,
        started=cluster.started,
        groups=[group_view(cluster, group, now) for group in cluster.groups.values()],
        links=[LinkView(source=a, target=b, bytes=n) for a, b, n in cluster.link_bytes],
        tasks_running=cluster.tasks.get("running", 0),
        tasks_done=cluster.tasks.get("done", 0),
        tasks_waiting=cluster.tasks.get("waiting", 0),
        **{field.name: _shown(getattr(spent, field.name)) for field in fields(spent)},
        dashboard=cluster.state == "running",
        lease_seconds=cluster.lease_seconds,
        held=cluster.held,
        access=access_view(cluster, datetime.fromtimestamp(now, UTC)),
        residency=cluster.residence.views(),
        attach=(
            "import jupyter_continuum as jc\n\n"
            f'client = jc.attach("{cluster.name}").get_client()\nclient'
        ),
    )


def _shown(amount: Amount) -> AmountView:
    """In three digits: more are not known, and each would be told anew every second."""
    value = None if amount.value is None else float(f"{amount.value:.3g}")
    return AmountView(**asdict(amount) | {"value": value})


def group_view(cluster: Cluster, group: Group, now: float) -> GroupView:
    workers = [
        worker_view(cluster, group, job, agent, number, now)
        for job in group.jobs
        if not job.over or job.phase is Phase.FAILED
        for agent in job.agents
        for number in range(group.plan.workers_per_node)
    ]
    wanted = group.wanted * group.plan.nodes * group.plan.workers_per_node
    ready = sum(_works(cluster, worker) for worker in workers)
    return GroupView(
        name=group.plan.name,
        site=group.plan.site,
        offer=group.plan.offer,
        jobs_wanted=group.wanted,
        workers_wanted=wanted,
        workers_ready=ready,
        state=_group_state(group, workers, wanted, ready),
        reason=group.reason or _first_reason(workers),
        meaning=next((job.meaning for job in group.live if job.phase is Phase.QUEUED), ""),
        ends=_first_end(group),
        carrier=", ".join(sorted({a.carrier for job in group.live for a in job.agents if a.up})),
        workers=workers,
    )


def _first_end(group: Group) -> datetime | None:
    ends = [end for job in group.live if (end := job.ends(group.plan)) is not None]
    return datetime.fromtimestamp(min(ends), UTC) if ends else None


def _works(cluster: Cluster, worker: WorkerView) -> bool:
    """Whether it is given tasks: also one with a gap to some site."""
    if worker.state is WorkerState.UNREACHABLE:
        return HOME not in cluster.workers[worker.name]["unreachable_from"]
    return worker.state is WorkerState.READY


def _from(gaps: list[str]) -> str:
    """``the scheduler``, or ``north, south and west``."""
    if HOME in gaps:
        return "the scheduler, and is given no tasks"
    *most, last = gaps
    return f"{', '.join(most)} and {last}" if most else last


def worker_view(
    cluster: Cluster,
    group: Group,
    job: JobEntry,
    agent: AgentEntry,
    number: int,
    now: float,
) -> WorkerView:
    name = f"{group.plan.name}-{job.number}-{agent.rank}-{number}"
    report = cluster.workers.get(name, {})
    state, reason = _worker_state(cluster, job, agent, name, report)
    if state is WorkerState.LOST and not report and job.hands_over(group.plan, now):
        state, reason = WorkerState.DRAINING, "the worker left: its job's walltime is nearly over"
    return WorkerView(
        name=name,
        state=state,
        reason=reason,
        job=job.name,
        job_id=job.id,
        node=str(report.get("host") or agent.node),
        device=str(report.get("device") or ""),
        address=str(report.get("address") or ""),
        threads=report.get("nthreads"),
        memory_bytes=report.get("memory"),
        memory_limit_bytes=report.get("memory_limit"),
        tasks_running=report.get("processing"),
        tasks_done=report.get("done"),
        devices=[DeviceView(**each) for each in report.get("devices", ())],
    )


def _worker_state(
    cluster: Cluster, job: JobEntry, agent: AgentEntry, name: str, report: dict[str, Any]
) -> tuple[WorkerState, str]:
    if job.phase is Phase.FAILED:
        return WorkerState.FAILED, job.reason or "the job failed"
    if job.over:
        return WorkerState.ENDED, job.reason
    if agent.refused:
        return WorkerState.FAILED, agent.refused
    if report:
        if cluster.is_retiring(name) or job.cancelled_here:
            return WorkerState.DRAINING, "hands over its data"
        seen = int(report.get("last_seen_seconds") or 0)
        if agent.granted and not agent.up:
            lost = f"its link is down; last heard of {seen} s ago"
            return WorkerState.LOST, f"{lost}. {agent.trouble}".removesuffix(". ")
        if gaps := report["unreachable_from"]:
            return WorkerState.UNREACHABLE, f"joined, unreachable from {_from(gaps)}"
        return WorkerState.READY, ""
    if job.phase in (Phase.PLANNED, Phase.SUBMITTING):
        return WorkerState.QUEUED, job.reason or "is being submitted"
    if job.phase is Phase.QUEUED:
        return WorkerState.QUEUED, job.waiting_for() or "is in the queue"
    if job.cancelled_here:
        return WorkerState.DRAINING, "its job is being ended"
    if agent.granted:
        return (
            (WorkerState.LOST, "the worker left; its agent starts another while the job lasts")
            if job.worked
            else (WorkerState.JOINING, "the worker starts")
        )
    if agent.announced:
        return WorkerState.JOINING, agent.trouble or "its agent is being reached"
    return WorkerState.STARTING, "the job runs; its agent starts"


def _group_state(group: Group, workers: list[WorkerView], wanted: int, ready: int) -> str:
    if group.failed:
        return "failed"
    if wanted == 0:
        over = (WorkerState.ENDED, WorkerState.FAILED)
        return "stopped" if all(worker.state in over for worker in workers) else "draining"
    if ready >= wanted:
        return "ready"
    if ready:
        return "partial"
    started = (WorkerState.STARTING, WorkerState.JOINING, WorkerState.LOST)
    return "starting" if any(worker.state in started for worker in workers) else "waiting"


def _first_reason(workers: list[WorkerView]) -> str:
    waiting = [
        worker for worker in workers if worker.state not in (WorkerState.READY, WorkerState.ENDED)
    ]
    return waiting[0].reason if waiting else ""
