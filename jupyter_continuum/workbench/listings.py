"""What there is, as tables: sites, offers, clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.rows import (
    CLUSTER_HEAD,
    DATASET_HEAD,
    FOREIGN_HEAD,
    OFFER_HEAD,
    SITE_HEAD,
    Record,
    Row,
    cluster_row,
    dataset_row,
    foreign_row,
    offer_row,
    site_row,
)
from jupyter_continuum.broker.selection import in_order, select_offers
from jupyter_continuum.table import as_html, as_text


class Listing(list[Record]):
    """Records, shown as a table: text in a console, HTML in a notebook."""

    def __init__(
        self, records: Iterable[Record], head: Sequence[str], row: Callable[[Record], Row]
    ) -> None:
        super().__init__(records)
        self._head = head
        self._row = row

    def __repr__(self) -> str:
        return as_text(self._head, map(self._row, self))

    def _repr_html_(self) -> str:
        return as_html(self._head, map(self._row, self))


def sites(*, retired: bool = False) -> Listing:
    """Every site of the catalogue and of one's own, with its state; never waits for a site."""
    return Listing(call_broker("sites", retired=retired), SITE_HEAD, site_row)


def offers(
    *,
    gpu: str | bool | None = None,
    country: str | None = None,
    site: str | None = None,
    free: bool = False,
    sort: str | None = None,
) -> Listing:
    """What can be allocated, those that can be launched first.

    ``gpu`` is a vendor or a part of a model, or True for any; ``country`` has two letters;
    ``sort`` by ``wait``, ``price`` or ``carbon`` puts the best first, and unknown last.
    """
    views = call_broker("sites", retired=False)
    found = select_offers(views, gpu=gpu, country=country, site=site, free=free)
    if sort is not None:
        found = in_order(found, {each["offer"]: each for each in call_broker("rank", by=sort)})
    return Listing(found, OFFER_HEAD, offer_row)


def clusters() -> Listing:
    """The clusters of this person."""
    return Listing(call_broker("clusters"), CLUSTER_HEAD, cluster_row)


def datasets() -> Listing:
    """Data sets of the catalogue and one's own: where each lies, whose it is, under which law."""
    return Listing(call_broker("datasets"), DATASET_HEAD, dataset_row)


def foreign_clusters() -> Listing:
    """Clusters of the Dask operator at the person's sites, whoever started them."""
    return Listing(call_broker("foreign_clusters"), FOREIGN_HEAD, foreign_row)
