"""From the broker's facts to the record. Pure: the same facts, the same record."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from jupyter_continuum.broker.messages.records import (
    SAID,
    ClaimFacts,
    ClusterFacts,
    EnvironmentFacts,
    GroupFacts,
    JobFacts,
    SiteFacts,
)
from jupyter_continuum.planning.hours import NOTHING, Span, span, total
from jupyter_continuum.runs.record import amounts
from jupyter_continuum.runs.record.amounts import Offered
from jupyter_continuum.runs.record.model import (
    ClaimPart,
    ClusterPart,
    Gap,
    GroupPart,
    Host,
    Job,
    Limits,
    Notebook,
    RunRecord,
    SitePart,
    Traffic,
    Versions,
)

HERE = frozenset({"local", "emulated"})
SECRET = re.compile(
    r"(?i)passw(or)?d|passphrase|secret|credential|(^|_)token$|(api|access|private|account)_?key"
)
WITH_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")
LEFT_OUT = "(left out: it may be a secret)"
NO_POLICY = Limits(
    in_force=False,
    said="None was set: beside the plan and the limits of the offers nothing was forbidden.",
)


def make_record(
    facts: ClusterFacts,
    *,
    client: EnvironmentFacts,
    notebook: Notebook | None = None,
    before: ClusterFacts | None = None,
) -> RunRecord:
    """The record of a cluster's life so far, or of one run on it.

    ``before`` are the facts as the run began, on a cluster that it did not launch.
    """
    start = before.asked if before is not None else facts.started
    end = notebook.ended if notebook is not None and before is not None else _end(facts)
    claims = _claims(facts.claims)
    sites = [_site(site, claims) for site in facts.sites]
    groups = [_group(group, facts, before, claims, start, end) for group in facts.groups]
    countries = {id: about["country"].value for id, about in claims.items() if "country" in about}
    traffic = list(_traffic(facts, before, countries))
    return RunRecord(
        written=facts.asked,
        start=start,
        end=end,
        complete=facts.ended is not None or notebook is not None,
        notebook=_without_secrets(notebook),
        cluster=ClusterPart(
            name=facts.name,
            id=facts.id,
            state=facts.state,
            started=facts.started,
            ended=facts.ended,
            lease_seconds=facts.lease_seconds,
        ),
        gaps=tuple(
            Gap(start=gap.start, end=gap.end)
            for gap in facts.gaps
            if gap.end > start and gap.start < end
        ),
        sites=tuple(sites),
        groups=tuple(groups),
        totals=amounts.totals(groups, traffic),
        traffic=tuple(traffic),
        hosts=tuple(_hosts(facts)),
        versions=tuple(_versions(each) for each in (client, *_in_order(facts.environments))),
        policy=NO_POLICY,
        claims=tuple(ClaimPart(**claim.model_dump()) for claim in facts.claims),
        notes=tuple(_notes(facts, before, start)),
    )


def _end(facts: ClusterFacts) -> datetime:
    return facts.ended or facts.asked


def _without_secrets(notebook: Notebook | None) -> Notebook | None:
    if notebook is None:
        return None
    return notebook.model_copy(update={"parameters": _open(notebook.parameters)})


def _open(value: Any) -> Any:  # whatever JSON holds
    """``value`` without what its name or form says is a secret."""
    if isinstance(value, dict):
        return {
            name: LEFT_OUT if SECRET.search(str(name)) else _open(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_open(each) for each in value]
    return LEFT_OUT if isinstance(value, str) and WITH_PASSWORD.search(value) else value


# Sites and groups ------------------------------------------------------------------------


def _claims(claims: Iterable[ClaimFacts]) -> dict[str, dict[str, ClaimFacts]]:
    """By what they are about, and by field."""
    found: dict[str, dict[str, ClaimFacts]] = defaultdict(dict)
    for claim in claims:
        found[claim.about][claim.field] = claim
    return found


def _site(site: SiteFacts, claims: Mapping[str, Mapping[str, ClaimFacts]]) -> SitePart:
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


def _group(
    group: GroupFacts,
    facts: ClusterFacts,
    before: ClusterFacts | None,
    claims: Mapping[str, Mapping[str, ClaimFacts]],
    start: datetime,
    end: datetime,
) -> GroupPart:
    window = start if before is not None else None
    own = [job for job in facts.jobs if job.group == group.name]
    spans = [span(job.times, start=window, end=end) for job in own]
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
        **amounts.of_group(group, ran, offered),
    )


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


# What else ---------------------------------------------------------------------------------


def _traffic(
    facts: ClusterFacts, before: ClusterFacts | None, countries: Mapping[str, str]
) -> Iterator[Traffic]:
    passed = {(each.source, each.target): each.bytes for each in before.traffic} if before else {}
    for each in facts.traffic:
        # Home is the site `local`, of which the person may have a record.
        here, there = (
            countries.get("local" if name == "home" else name)
            for name in (each.source, each.target)
        )
        yield Traffic(
            source=each.source,
            target=each.target,
            bytes=max(0, each.bytes - passed.get((each.source, each.target), 0)),
            source_country=here,
            target_country=there,
            crosses_border=False
            if {each.source, each.target} <= {"home", "local"} or each.source == each.target
            else None
            if here is None or there is None
            else here != there,
        )


def _hosts(facts: ClusterFacts) -> Iterator[Host]:
    for each in dict.fromkeys((h.site, h.role, h.host, h.port) for h in facts.hosts):
        site, role, host, port = each
        yield Host(site=site, role=role, host=host, port=port)
    of_group = {group.name: group.site for group in facts.groups}
    here = {site.id for site in facts.sites if site.kind in HERE}
    reached: dict[tuple[str, str], set[str]] = defaultdict(set)
    for job in facts.jobs:
        site = of_group.get(job.group, "")
        if site and site not in here and job.carriers:
            for node in job.nodes:
                reached[site, node].update(job.carriers)
    for (site, node), carriers in sorted(reached.items()):
        yield Host(
            site=site, role="worker gateway", host=node, port=None, by=tuple(sorted(carriers))
        )


def _in_order(said: Iterable[EnvironmentFacts]) -> list[EnvironmentFacts]:
    """Agents join as they come."""
    return sorted(said, key=lambda each: (each.where != "scheduler", each.where, each.python))


def _versions(said: EnvironmentFacts) -> Versions:
    fields: dict[str, Any] = {name: getattr(said, name) or None for name in SAID}
    one = said.where in ("client", "scheduler")
    return Versions(
        where=said.where if one else f"workers of {said.where}",
        agents=None if one else said.agents,
        packages=said.packages,
        gpus=tuple(said.gpus),
        **fields,
    )


def _notes(facts: ClusterFacts, before: ClusterFacts | None, start: datetime) -> Iterator[str]:
    imitated = [site.id for site in facts.sites if site.kind == "emulated"]
    if imitated:
        yield (
            f"{', '.join(imitated)}: imitations on the person's own machine. Their countries, "
            "queues and links are imitated, too."
        )
    if before is not None:
        yield (
            "The cluster was there before the run and served others, too: hours and bytes are "
            "the cluster's during the run."
        )
    if any(gap.end > start for gap in facts.gaps):
        yield (
            "For a time no broker watched the cluster (see the gaps). Jobs that changed then were "
            "seen later: the least and the most hours say between what the truth lies."
        )
    if not facts.groups:
        yield "The cluster was launched by a release that kept no record: much is unknown."
    yield (
        "Bytes are what passed the cluster's hub, encrypted; workers of one site also exchange "
        "data among themselves, which is not counted."
    )
    yield (
        "Hosts are those that the broker dialled. What the notebook's own code contacted is not "
        "known. User names, accounts and folders are left out on purpose."
    )
