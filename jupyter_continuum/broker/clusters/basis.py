"""What a launch took as known: claims with sources, the shape of jobs, hosts dialled. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from urllib.parse import urlsplit

from jupyter_continuum.broker.clusters.ledger import Basis
from jupyter_continuum.broker.messages.records import GroupFacts, HostFacts, SiteFacts
from jupyter_continuum.broker.sites.claims import offer_claims, site_claims
from jupyter_continuum.broker.sites.opening import HERE
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.catalogue import Catalogue, choose
from jupyter_continuum.environments.build import FOLDER
from jupyter_continuum.planning.resolve import ResolvedGroup, ResolvedPlan

LOCK = re.compile(rf"/{FOLDER}/([0-9a-f]{{12}})-[0-9a-f]{{8}}(?:-[0-9a-f]{{4}})?/")
Counters = Callable[[str, str], tuple[str, ...]]
"""Energy counters that a probe found at (site, offer)."""


def basis_of(
    plan: ResolvedPlan,
    catalogue: Catalogue,
    session: Callable[[str], Session],
    counters: Counters,
    today: date,
) -> Basis:
    """Everything that the record of a cluster of ``plan`` rests on."""
    sessions = {group.site: session(group.site) for group in plan.groups}
    # Bytes come from and go to this machine, whatever computes.
    places = {HERE.site: session(HERE.site), **sessions}
    claims = [
        *(
            claim
            for id, each in places.items()
            for claim in site_claims(id, each, catalogue, today)
        ),
        *(
            claim
            for group in {group.offer: group for group in plan.groups}.values()
            for claim in offer_claims(
                group.offer, group.partition, sessions[group.site], catalogue, today
            )
        ),
    ]
    return Basis(
        groups=tuple(
            _group(group, sessions[group.site], counters(group.site, group.offer))
            for group in plan.groups
        ),
        sites=tuple(_site(id, each, catalogue, today) for id, each in sessions.items()),
        claims=tuple(claims),
        hosts=tuple(host for each in sessions.values() for host in hosts(each)),
    )


def _group(group: ResolvedGroup, session: Session, counters: tuple[str, ...]) -> GroupFacts:
    pods = session.profile.kubernetes
    images = {each.name: each.image for each in pods.offers} if pods else {}
    lock = LOCK.search(group.python)
    return GroupFacts(
        name=group.name,
        site=group.site,
        offer=group.offer,
        partition=group.partition,
        qos=group.qos,
        jobs_wanted=group.jobs,
        nodes=group.nodes,
        workers_per_node=group.workers_per_node,
        cpus_per_worker=group.cpus_per_worker,
        gpus_per_worker=group.gpus_per_worker,
        gpu_type=group.gpu_type,
        memory_gb_per_worker=group.memory_gb_per_worker,
        walltime_seconds=group.walltime_seconds,
        lock=lock[1] if lock else "",
        image=images.get(group.partition, ""),
        counters=list(counters),
    )


def _site(id: str, session: Session, catalogue: Catalogue, today: date) -> SiteFacts:
    record, profile = catalogue.sites.get(id), session.profile
    operator = choose(record.operator, today) if record else None
    here = profile.kind in ("local", "emulated")
    return SiteFacts(
        id=id,
        name=one_line(profile.name or (record.name if record else id), 80),
        kind=profile.kind if here else record.kind if record else "own",
        operator=str(operator.value) if operator else "",
    )


def hosts(session: Session) -> Iterator[HostFacts]:
    """Every remote host that a session dials; nobody's user name."""
    site, login = session.site, session.profile.ssh
    if login is not None:
        for hop in login.jump:
            yield HostFacts(site=site, role="jump host", host=hop.host, port=hop.port)
        yield HostFacts(site=site, role="login node", host=login.host, port=login.port)
    api = getattr(session.transport, "api", None)
    server = urlsplit(api.server if api is not None else "")
    if server.hostname:
        yield HostFacts(
            site=site, role="Kubernetes API", host=server.hostname, port=server.port or 443
        )
