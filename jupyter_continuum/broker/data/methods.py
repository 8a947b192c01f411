"""What faces ask of data."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from jupyter_continuum.broker.data.view import dataset_view
from jupyter_continuum.broker.messages.datasets import DatasetView
from jupyter_continuum.catalogue import load_datasets


class DataMethods:
    """To see what data sets are known."""

    async def datasets(self) -> list[DatasetView]:
        """Read anew each time: a person writes a record and looks."""
        today = datetime.now(UTC).date()
        records = await asyncio.to_thread(load_datasets)
        return [dataset_view(record, today) for record in records.values()]
