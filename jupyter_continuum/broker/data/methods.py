"""What faces ask of data."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.clusters.clusters import Clusters
from jupyter_continuum.broker.data.fetching import Fetching
from jupyter_continuum.broker.data.listing import list_files
from jupyter_continuum.broker.data.view import dataset_view
from jupyter_continuum.broker.messages.datasets import (
    DatasetView,
    FetchedView,
    FetchView,
    FilesView,
)
from jupyter_continuum.broker.sites.claims import for_limits, site_claims, stated
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.catalogue import Dataset, choose, load_datasets
from jupyter_continuum.catalogue.catalogue import alike
from jupyter_continuum.errors import PlanRefused, Unknown
from jupyter_continuum.planning.amount import Stated
from jupyter_continuum.planning.residency import Residency, refusal


class DataMethods:
    """To see what data sets are known, whether one may be read, and files at sites."""

    def __init__(self, sites: Sites, fetching: Fetching, clusters: Clusters) -> None:
        self._sites = sites
        self._fetching = fetching
        self._clusters = clusters

    async def datasets(self) -> list[DatasetView]:
        """Read anew each time: a person writes a record and looks."""
        today = datetime.now(UTC).date()
        records = await asyncio.to_thread(load_datasets)
        return [dataset_view(record, today) for record in records.values()]

    async def dataset(self, *, name: str, sites: list[str]) -> DatasetView:
        record, today = await _record(name), datetime.now(UTC).date()
        if why := refusal(_residency(record, today), {id: self._country(id) for id in sites}):
            raise PlanRefused(why)
        return dataset_view(record, today)

    async def bind(self, *, dataset: str, cluster: str) -> dict[str, Any]:
        asked = _residency(await _record(dataset), datetime.now(UTC).date())
        if not asked.stays:
            return {}
        found = self._clusters.by_id(cluster)
        if found is None:
            raise PlanRefused(
                f"{dataset} must stay (its record, stays), and this client's cluster is none of "
                "yours that could be bound to that. Launch one with `jupyter continuum launch`."
            )
        await found.settled()
        if found.state != "running":
            raise Unknown(f"{found.name} is {found.state}. {found.reason}")
        await found.residence.bind(asked, self._country)
        return {}

    async def files(self, *, site: str, path: str = "") -> FilesView:
        return await list_files(self._sites.session(site), path)

    async def fetch(
        self, *, site: str, path: str, destination: str, force: bool = False
    ) -> FetchedView:
        session = self._sites.session(site)
        return await self._fetching.run(session, path, Path(destination), force=force is True)

    async def start_fetching(
        self, *, site: str, path: str, destination: str, force: bool = False
    ) -> FetchView:
        session = self._sites.session(site)
        return self._fetching.start(session, path, Path(destination), force=force is True)

    async def fetches(self) -> list[FetchView]:
        return self._fetching.views()

    async def stop_fetching(self, *, path: str, destination: str) -> dict[str, Any]:
        await self._fetching.stop(Path(destination), path)
        return {}

    def _country(self, site: str) -> Stated | None:
        today = datetime.now(UTC).date()
        session = self._sites.sessions.get(site)
        claims = site_claims(site, session, self._sites.catalogue, today)
        is_faulty = site in self._sites.catalogue.faults
        return for_limits(stated(claims, today), is_faulty=is_faulty).get("country")


async def _record(name: str) -> Dataset:
    records = await asyncio.to_thread(load_datasets)
    if name not in records:
        raise Unknown(f"There is no data set {name!r}. {alike(name, records, 'datasets')}")
    return records[name]


def _residency(record: Dataset, today: date) -> Residency:
    """That it must stay is kept to, whoever says so; that it may go somewhere has to be known."""
    law = choose(record.jurisdiction, today)
    view = dataset_view(record, today).jurisdiction
    return Residency(
        dataset=record.id,
        stays=stays.value if (stays := choose(record.stays, today)) and stays.value else "",
        site=record.site or "",
        law=Stated(law.value, view.kind, view.source) if law and view else None,
    )
