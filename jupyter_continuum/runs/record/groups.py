"""The sites and the groups of a record: what each asked for, ran, and drew. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from jupyter_continuum.broker.messages.records import (
    ClaimFacts,
    ClusterFacts,
    GroupFacts,
    JobFacts,
    SiteFacts,
)
from jupyter_continuum.planning.hours import NOTHING, Span, span, total
from jupyter_continuum.planning.metering import Reading, since
from jupyter_continuum.runs.record import amounts
from jupyter_continuum.runs.record.amounts import Offered
from jupyter_continuum.runs.record.model import GroupPart, Job, SitePart

HERE = frozenset({"local", "emulated"})


def claims_by_field(claims: Iterable[ClaimFacts]) -> dict[str, dict[str, ClaimFacts]]:
    """By what they are about, and by field."""
    found: dict[str, dict[str, ClaimFacts]] = defaultdict(dict)
    for claim in claims:
        found[claim.about][claim.field] = claim
    return found


def site_part(site: SiteFacts, claims: Mapping[str, Mapping[str, ClaimFacts]]) -> SitePart:
    about = claims.get(site.id, {})

    def said(*fields: str) -> str | None:
        return next((str(about[field].value) for field in fields if field in about), None)

    return SitePart(
        id=site.id,
        name=site.name,
        kind=site.kind,  # type: ignore[arg-type]  # pydantic checks it
        operator=site.operator,
        country=said("country"),
        jurisdiction=said("jurisdiction", "seat_country"),
    )


def group_part(
    group: GroupFacts,
    facts: ClusterFacts,
    before: ClusterFacts | None,
    claims: Mapping[str, Mapping[str, ClaimFacts]],
    start: datetime,
    end: datetime,
) -> GroupPart:
    window = start if before is not None else None
    own = [job for job in facts.jobs if job.group == group.name]
    spans = [span(job, start=window, end=end) for job in own]
    earlier, number = _earlier(group.name, facts, before)
    ran = total([*spans, *([earlier] if number else [])])
    kind = next((site.kind for site in facts.sites if site.id == group.site), "own")
    offered = Offered(
        site=group.site,
        here=kind in HERE,
        of_site=claims.get(group.site, {}),
        of_offer=claims.get(group.offer, {}),
    )
    return GroupPart(
        name=group.name,
        site=group.site,
        offer=group.offer,
        partition=group.partition,
        qos=group.qos,
        nodes_per_job=group.nodes,
        workers_per_node=group.workers_per_node,
        cpus_per_worker=group.cpus_per_worker,
        gpus_per_worker=group.gpus_per_worker,
        gpu_type=group.gpu_type,
        memory_gb_per_worker=group.memory_gb_per_worker or None,
        walltime_seconds=group.walltime_seconds,
        environment_lock=group.lock or None,
        images=tuple(sorted({job.image for job in own if job.image})) or _asked_image(group),
        counters=tuple(group.counters),
        jobs=tuple(
            _job(job, each)
            for job, each in zip(own, spans, strict=True)
            if window is None or each.most
        ),
        earlier_jobs=number,
        **amounts.of_group(group, ran, offered, list(_readings(group.name, own, facts, before))),
    )


def _readings(
    name: str, own: Iterable[JobFacts], facts: ClusterFacts, before: ClusterFacts | None
) -> Iterator[Reading]:
    """What was counted of a group's jobs, since ``before``. Each node has a rank of its own."""
    then = {(job.id, job.asked): job for job in before.jobs if job.group == name} if before else {}
    ranks: dict[tuple[int, int], int] = {}
    for number, job in enumerate(own):
        known = then.get((job.id, job.asked))
        for each in since(job.energy, known.energy if known else ()):
            if each.source == "slurm" and known is not None:
                continue  # it is of the whole job, which began earlier
            rank = ranks.setdefault((number, each.rank), len(ranks))
            yield replace(each, rank=rank)
    if before is None:
        for sums in facts.earlier:
            if sums.group == name:
                yield from sums.energy


def _asked_image(group: GroupFacts) -> tuple[str, ...]:
    return (group.image,) if group.image else ()


def _earlier(name: str, facts: ClusterFacts, before: ClusterFacts | None) -> tuple[Span, int]:
    """What is known of jobs only by their sums, and of how many."""
    now = next((each for each in facts.earlier if each.group == name), None)
    then = next((each for each in before.earlier if each.group == name), None) if before else None
    if now is None:
        return NOTHING, 0
    if then is None:
        return Span(now.seconds, now.least_seconds, now.most_seconds), now.jobs
    return (
        Span(
            now.seconds - then.seconds,
            now.least_seconds - then.least_seconds,
            now.most_seconds - then.most_seconds,
        ),
        now.jobs - then.jobs,
    )


def _job(job: JobFacts, ran: Span) -> Job:
    return Job(
        id=job.id,
        state=job.state,
        nodes=tuple(job.nodes),
        image=job.image,
        asked=job.asked,
        started=job.started,
        ended=job.ended,
        hours=None if ran.seconds is None else round(ran.seconds / 3600, 6),
    )
