"""What a record says of a data set, as a face shows it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from jupyter_continuum.broker.messages.datasets import DatasetView, ToldView
from jupyter_continuum.catalogue import Claim, Dataset, choose, known

CLAIMED = ("owner", "licence", "jurisdiction", "personal_data", "stays", "size_gb")


def dataset_view(record: Dataset, today: date) -> DatasetView:
    told = {field: _told(record, getattr(record, field), today) for field in CLAIMED}
    return DatasetView(
        id=record.id,
        name=record.name,
        url=record.url,
        path=record.path,
        format=record.opened_as,
        site=record.site,
        note=record.note,
        **told,
    )


def _told(record: Dataset, claims: Sequence[Claim[Any]], today: date) -> ToldView | None:
    claim = choose(claims, today)
    if claim is None:
        return None
    source = record.sources.get(claim.source or "")
    expired = claim.kind != "unverified" and known([claim], today) is None
    return ToldView(
        value=list(claim.value) if isinstance(claim.value, tuple) else claim.value,
        kind="expired" if expired else claim.kind,
        source=source.title if source else claim.source or "",
        url=(source.url or "") if source else "",
        date=claim.observed or (source.date if source else ""),
        note=claim.note,
    )
