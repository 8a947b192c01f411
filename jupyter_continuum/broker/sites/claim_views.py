"""Every claim on what a face shows of an offer and its site, with who says so and of when. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from jupyter_continuum.broker.messages.sites import ClaimView
from jupyter_continuum.broker.sites.claims import CHECKED, record_of
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.sites.view import OFFER_FIELDS, SITE_FIELDS, offer_fields
from jupyter_continuum.catalogue import Catalogue, Claim, Offer, Site, choose, known
from jupyter_continuum.sites.protocols import OfferStatus

OF_OFFERS = OFFER_FIELDS | {"whole_node": "shareable"}
LIVE = {record: status for record, status in CHECKED.items() if record in OF_OFFERS.values()}


def claim_views(
    offer: str, partition: str, session: Session | None, catalogue: Catalogue, today: date
) -> list[ClaimView]:
    """By field; of each the one that is shown comes first, then those that say something else."""
    site, _, key = offer.partition("/")
    record = record_of(site, session, catalogue)
    return [
        *_of_site(record, session, today),
        *_of_offer(record, record.offers.get(key) if record else None, partition, session, today),
    ]


def _of_site(record: Site | None, session: Session | None, today: date) -> Iterator[ClaimView]:
    emulated = session.profile.emulated if session is not None else None
    if emulated is not None and emulated.country:
        source = "the profile of the imitation"
        yield ClaimView(
            field="country", value=emulated.country, kind="user", source=source, verified=True
        )
    elif record is not None:
        for field, name in SITE_FIELDS.items():
            yield from _said(field, getattr(record, name), record, today)


def _of_offer(
    record: Site | None,
    written: Offer | None,
    partition: str,
    session: Session | None,
    today: date,
) -> Iterator[ClaimView]:
    status = session.status if session is not None else None
    offers = status.offers if status is not None else ()
    live = next((each for each in offers if each.partition == partition), None)
    for field, name in OF_OFFERS.items():
        value = _measured(live, field, name)
        if value is not None and status is not None:
            yield ClaimView(
                field=field,
                value=value,
                kind="measured",
                source="the site itself",
                observed=f"{status.observed:%Y-%m-%d %H:%M} UTC",
                verified=True,
            )
        if written is not None and record is not None:
            own = offer_fields(written, today).get(field, name)
            yield from _said(field, getattr(written, own), record, today)


def _measured(live: OfferStatus | None, field: str, name: str) -> str | None:
    value = getattr(live, LIVE[name]) if live is not None and name in LIVE else None
    if value is None:
        return None
    return _text(field, value / 3600 if field == "max_walltime_minutes" else value)


def _said(
    field: str, claims: tuple[Claim[Any], ...], record: Site, today: date
) -> Iterator[ClaimView]:
    first = choose(claims, today)
    for claim in sorted(claims, key=lambda each: each is not first):
        if claim.value is None:
            continue
        source = record.sources.get(claim.source or "")
        yield ClaimView(
            field=field,
            value=_text(field, claim.value),
            kind=claim.kind,
            source=source.title if source else claim.source or "",
            url=(source.url or "") if source else "",
            observed=claim.observed or (source.date if source else ""),
            expires=claim.expires or "",
            note=claim.note,
            verified=known([claim], today) is not None,
        )


def _text(field: str, value: object) -> str:
    if field == "whole_node":
        return "by part" if value else "whole nodes"
    hours = " h" if field == "max_walltime_minutes" else ""
    return f"{value:g}{hours}" if isinstance(value, int | float) else f"{value}"
