"""What a launch took as known: claims with sources, the shape of jobs, hosts dialled. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from jupyter_continuum.broker.clusters.ledger import Basis
from jupyter_continuum.broker.messages.records import (
    ClaimFacts,
    GroupFacts,
    HostFacts,
    SiteFacts,
)
from jupyter_continuum.broker.sites.opening import HERE
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.catalogue import CarbonTable, Catalogue, Claim, Offer, Site, choose, known
from jupyter_continuum.environments.build import FOLDER
from jupyter_continuum.planning.resolve import ResolvedGroup, ResolvedPlan
from jupyter_continuum.sites.protocols import OfferStatus

CHECKED = {
    "max_walltime_h": "max_walltime_seconds",
    "max_nodes_per_job": "max_nodes",
    "nodes": "nodes_total",
    "gpus_per_node": "gpus_per_node",
    "cores_per_node": "cpus_per_node",
    "memory_gb_per_node": "memory_gb_per_node",
}
"""What a plan is checked against: the catalogue's field, and what the site itself calls it."""
OF_SITES = ("country", "jurisdiction", "seat_country", "pue", "power_kw_linpack")
CARBON = "gco2eq_per_kwh"
MACHINE = "machine_nodes"
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
        *(claim for id, each in places.items() for claim in _of_site(id, each, catalogue, today)),
        *(
            claim
            for group in {group.offer: group for group in plan.groups}.values()
            for claim in _of_offer(group, sessions[group.site], catalogue, today)
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


# Claims ----------------------------------------------------------------------------------


def _of_site(id: str, session: Session, catalogue: Catalogue, today: date) -> Iterator[ClaimFacts]:
    record, emulated = catalogue.sites.get(id), session.profile.emulated
    country = ""
    if emulated is not None:
        if emulated.country:
            yield ClaimFacts(
                about=id,
                field="country",
                value=emulated.country,
                kind="user",
                source="the profile of the imitation",
                checked=False,
            )
        return
    if record is None:
        return
    for field in OF_SITES:
        claim = choose(getattr(record, field), today)
        if claim is not None:
            yield _claim(id, field, claim, record, checked=False)
            country = str(claim.value) if field == "country" else country
    yield from _carbon(id, country, catalogue.carbon)


def _carbon(id: str, country: str, table: CarbonTable) -> Iterator[ClaimFacts]:
    found, series = table.intensity(country), table.series[table.default_series]
    if found is not None:
        yield ClaimFacts(
            about=id,
            field=CARBON,
            value=found.gco2eq_per_kwh,
            kind="official",
            source=series.title,
            url=series.url,
            observed=str(found.year),
            note=f"mean of {found.year} in {country}; {series.attribution}",
            checked=False,
        )


def _of_offer(
    group: ResolvedGroup, session: Session, catalogue: Catalogue, today: date
) -> Iterator[ClaimFacts]:
    """Of each limit the one that the check used: what the site says now wins."""
    record = catalogue.sites.get(group.site)
    offer = record.offers.get(group.offer.partition("/")[2]) if record else None
    live = _live(group.partition, session)
    for field, name in CHECKED.items():
        value = getattr(live, name) if live is not None else None
        if value is not None and session.status is not None:
            yield ClaimFacts(
                about=group.offer,
                field=field,
                value=round(value / 3600, 3) if name == "max_walltime_seconds" else value,
                kind="live",
                source="the site itself",
                observed=f"{session.status.observed:%Y-%m-%dT%H:%M:%SZ}",
                checked=True,
            )
            continue
        claim = choose(getattr(offer, field), today) if offer is not None else None
        if claim is not None and record is not None:
            yield _claim(group.offer, field, claim, record, checked=True)
    if record is not None and offer is not None:
        yield from _machine(offer, record, today)


def _machine(offer: Offer, record: Site, today: date) -> Iterator[ClaimFacts]:
    """How many nodes like the offer's the machine has: those of its largest partition."""
    sizes = {id: known(each.nodes, today) or 0 for id, each in record.offers.items()}
    largest = record.offers[max(sizes, key=lambda id: sizes[id])]
    claim, model = choose(largest.nodes, today), choose(largest.gpu_model, today)
    own = choose(offer.gpu_model, today)
    alike = model is not None and own is not None and model.value == own.value
    if claim is not None and max(sizes.values()) and (offer.id == largest.id or alike):
        found = _claim(offer.id, MACHINE, claim, record, checked=False)
        yield found.model_copy(update={"note": f"of {largest.id}, its largest partition"})


def _live(partition: str, session: Session) -> OfferStatus | None:
    offers = session.status.offers if session.status else ()
    return next((each for each in offers if each.partition == partition), None)


def _claim(about: str, field: str, claim: Claim[Any], record: Site, *, checked: bool) -> ClaimFacts:
    source = record.sources.get(claim.source or "")
    return ClaimFacts(
        about=about,
        field=field,
        value=claim.value,
        kind=claim.kind,
        source=source.title if source else claim.source or "",
        url=(source.url or "") if source else "",
        observed=claim.observed or (source.date if source else ""),
        expires=claim.expires or "",
        note=claim.note,
        checked=checked,
    )
