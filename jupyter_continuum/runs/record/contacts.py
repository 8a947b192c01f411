"""What went over the network: bytes between sites, and the hosts that were dialled. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from jupyter_continuum.broker.messages.records import ClusterFacts
from jupyter_continuum.runs.record.groups import HERE
from jupyter_continuum.runs.record.model import Host, Traffic


def traffic_parts(
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


def host_parts(facts: ClusterFacts) -> Iterator[Host]:
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
