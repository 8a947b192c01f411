"""What is claimed of a site and of an offer, each with who says so: what estimates and limits take.

Pure. Of an imitation only what its profile says, and a record of kind ``emulated``: the catalogue's
record of the real site says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from jupyter_continuum.broker.messages.records import ClaimFacts
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.catalogue import CarbonTable, Catalogue, Claim, Offer, Site, choose, known
from jupyter_continuum.catalogue.devices import DeviceTable
from jupyter_continuum.planning.allocation import Charged, limited_in
from jupyter_continuum.planning.amount import UNSOURCED, Stated
from jupyter_continuum.planning.energy import CARBON, NODES, WATTS
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
OF_SITES = (
    *("country", "jurisdiction", "seat_country"),
    *("pue", "power_kw_linpack", "accounting_unit"),
)
OF_OFFERS = ("gpu_model", "shareable", "price_eur_per_hour", "price_usd_per_hour")


def record_of(id: str, session: Session | None, catalogue: Catalogue) -> Site | None:
    """The record that holds for the site as this person reaches it."""
    record = catalogue.sites.get(id)
    imitated = session is not None and session.profile.emulated is not None
    return None if imitated and record is not None and record.kind != "emulated" else record


def site_claims(
    id: str, session: Session | None, catalogue: Catalogue, today: date
) -> Iterator[ClaimFacts]:
    """What a site is judged by."""
    record = record_of(id, session, catalogue)
    emulated = session.profile.emulated if session is not None else None
    country, kind = (emulated.country if emulated is not None else None), "user"
    if country:
        yield ClaimFacts(
            about=id,
            field="country",
            value=country,
            kind="user",
            source="the profile of the imitation",
            checked=False,
        )
        if record is None:
            return  # what it draws is drawn here
    if record is None:
        return
    for field in OF_SITES:
        claim = choose(getattr(record, field), today)
        if claim is not None and not (country and field == "country"):
            yield _claim(id, field, claim, record, checked=False)
            country = str(claim.value) if field == "country" else country
            kind = claim.kind if field == "country" else kind
    yield from _carbon(id, country or "", kind, catalogue.carbon)


def offer_claims(
    offer: str, partition: str, session: Session | None, catalogue: Catalogue, today: date
) -> Iterator[ClaimFacts]:
    """Limits as a plan is checked against them, where the site's own word wins; price and power."""
    site, _, key = offer.partition("/")
    record = record_of(site, session, catalogue)
    written = record.offers.get(key) if record else None
    live = _live(partition, session)
    for field, name in CHECKED.items():
        value = getattr(live, name) if live is not None else None
        if value is not None and session is not None and session.status is not None:
            yield ClaimFacts(
                about=offer,
                field=field,
                value=round(value / 3600, 3) if name == "max_walltime_seconds" else value,
                kind="live",
                source="the site itself",
                observed=f"{session.status.observed:%Y-%m-%dT%H:%M:%SZ}",
                checked=True,
            )
            continue
        claim = choose(getattr(written, field), today) if written is not None else None
        if claim is not None and record is not None:
            yield _claim(offer, field, claim, record, checked=True)
    if live is not None and session is not None:
        yield from _counted_in(offer, live, session)
    if record is None or written is None:
        return
    for field in OF_OFFERS:
        claim = choose(getattr(written, field), today)
        if claim is not None:
            yield _claim(offer, field, claim, record, checked=False)
    yield from _machine(written, record, today)
    yield from _watts(written, catalogue.devices, today)


def stated(claims: Iterable[ClaimFacts], today: date) -> dict[str, Stated]:
    """By field; what has expired is as good as unverified."""
    return {
        each.field: Stated(
            each.value,
            "expired" if each.expires and each.expires < today.isoformat() else each.kind,
            each.source,
            each.observed,
        )
        for each in claims
    }


def for_limits(found: dict[str, Stated], *, is_faulty: bool) -> dict[str, Stated]:
    """What is ``stated`` of a site or its offer, as a limit takes it.

    While the person's own file on the site is wrong the shipped record stands in, and satisfies no
    limit: what the file would say may be stricter.
    """
    if not is_faulty:
        return found
    why = "your own file on this site is wrong"
    return {
        field: claim if claim.kind == "live" else replace(claim, kind="unverified", source=why)
        for field, claim in found.items()
    }


def _carbon(id: str, country: str, kind: str, table: CarbonTable) -> Iterator[ClaimFacts]:
    """As good as the claim that the site is in ``country``, if that is unverified."""
    found, series = table.intensity(country), table.series[table.default_series]
    if found is not None:
        yield ClaimFacts(
            about=id,
            field=CARBON,
            value=found.gco2eq_per_kwh,
            kind=kind if kind in UNSOURCED else "official",
            source=f"{series.title}; {series.attribution}",
            url=series.url,
            observed=str(found.year),
            note=f"mean of {found.year} in {country}",
            checked=False,
        )


def _counted_in(offer: str, live: OfferStatus, session: Session) -> Iterator[ClaimFacts]:
    """What the site limits the person's hours in: where no document names a unit, it is that."""
    books = session.status.books if session.status is not None else None
    if books is None:
        return
    account = session.profile.account
    charged = Charged((account,) if account else (), live.partition, live.gpu_type)
    found = limited_in(books, charged, gpus=live.gpus_per_node, cores=live.cpus_per_node)
    if found is not None:
        name, _, source = found
        yield ClaimFacts(
            about=offer,
            field="accounting_unit",
            value=name,
            kind="live",
            source=source,
            observed=f"{books.observed:%Y-%m-%dT%H:%M:%SZ}" if books.observed else "",
            checked=False,
        )


def _machine(offer: Offer, record: Site, today: date) -> Iterator[ClaimFacts]:
    """How many nodes like the offer's the machine has: those of its largest partition."""
    sizes = {id: known(each.nodes, today) or 0 for id, each in record.offers.items()}
    largest = record.offers[max(sizes, key=lambda id: sizes[id])]
    claim, model = choose(largest.nodes, today), choose(largest.gpu_model, today)
    own = choose(offer.gpu_model, today)
    alike = model is not None and own is not None and model.value == own.value
    if claim is not None and max(sizes.values()) and (offer.id == largest.id or alike):
        found = _claim(offer.id, NODES, claim, record, checked=False)
        yield found.model_copy(update={"note": f"of {largest.id}, its largest partition"})


def _watts(offer: Offer, table: DeviceTable, today: date) -> Iterator[ClaimFacts]:
    model = known(offer.gpu_model, today)
    device = table.devices.get(model or "")
    if device is not None:
        source = table.sources[device.source] if device.source is not None else None
        kind = "official" if source and source.tier == "official" else "user"
        yield ClaimFacts(
            about=offer.id,
            field=WATTS,
            value=device.watts,
            kind=kind if source else "unverified",
            source=source.title if source else "",
            url=(source.url or "") if source else "",
            observed=source.date if source else "",
            note=device.note,
            checked=False,
        )


def _live(partition: str, session: Session | None) -> OfferStatus | None:
    offers = session.status.offers if session is not None and session.status else ()
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
