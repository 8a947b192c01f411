"""From the broker's facts to the record. Pure: the same facts, the same record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from jupyter_continuum.broker.messages.records import SAID, ClusterFacts, EnvironmentFacts
from jupyter_continuum.runs.record import amounts
from jupyter_continuum.runs.record.contacts import host_parts, traffic_parts
from jupyter_continuum.runs.record.groups import claims_by_field, group_part, site_part
from jupyter_continuum.runs.record.model import (
    ClaimPart,
    ClusterPart,
    Gap,
    Limits,
    Notebook,
    PolicyFinding,
    RunRecord,
    SweepPart,
    Versions,
)
from jupyter_continuum.runs.record.withheld import open_part

NO_POLICY = Limits(
    in_force=False,
    said="None was set: beside the plan and the limits of the offers nothing was forbidden.",
)


def make_record(
    facts: ClusterFacts,
    *,
    client: EnvironmentFacts,
    notebook: Notebook | None = None,
    sweep: SweepPart | None = None,
    before: ClusterFacts | None = None,
) -> RunRecord:
    """The record of a cluster's life so far, or of one run or sweep on it.

    ``before`` are the facts as the run began, on a cluster that it did not launch.
    """
    start = before.asked if before is not None else facts.started
    work = notebook or sweep
    end = work.ended if work is not None and before is not None else _end(facts)
    claims = claims_by_field(facts.claims)
    sites = [site_part(site, claims) for site in facts.sites]
    groups = [group_part(group, facts, before, claims, start, end) for group in facts.groups]
    countries = {id: about["country"].value for id, about in claims.items() if "country" in about}
    traffic = list(traffic_parts(facts, before, countries))
    return RunRecord(
        written=facts.asked,
        start=start,
        end=end,
        complete=facts.ended is not None or work is not None,
        notebook=_without_secrets(notebook),
        sweep=None
        if sweep is None
        else sweep.model_copy(update={"axes": _axes(sweep.axes), "fixed": open_part(sweep.fixed)}),
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
        hosts=tuple(host_parts(facts)),
        versions=tuple(_versions(each) for each in (client, *_in_order(facts.environments))),
        policy=_policy(facts),
        claims=tuple(ClaimPart(**claim.model_dump()) for claim in facts.claims),
        notes=tuple(_notes(facts, before, start)),
    )


def _policy(facts: ClusterFacts) -> Limits:
    if facts.policy is None:
        return NO_POLICY
    findings = facts.policy.findings
    accepted = [finding for finding in findings if finding.verdict == "accepted"]
    taken = f"{len(accepted)} unknown claims were accepted" if accepted else "none was accepted"
    return Limits(
        in_force=True,
        said=f"{len(findings)} findings by its rules; of what was unknown {taken}.",
        limits=facts.policy.limits,
        findings=tuple(
            PolicyFinding(
                rule=each.rule,
                site=each.site,
                verdict="accepted" if each.verdict == "accepted" else "satisfied",
                said=each.said,
            )
            for each in findings
        ),
    )


def _end(facts: ClusterFacts) -> datetime:
    return facts.ended or facts.asked


def _without_secrets(notebook: Notebook | None) -> Notebook | None:
    if notebook is None:
        return None
    return notebook.model_copy(update={"parameters": open_part(notebook.parameters)})


def _axes(axes: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """A list stays one, for the schema, where its name says that it is secret."""
    opened = open_part(dict(axes))
    return {name: each if isinstance(each, list) else [each] for name, each in opened.items()}


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
    for each in facts.residency:
        yield f"The cluster has opened data that must stay: {each.said}"
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
