"""A Dataset: a named data set, where it lies and whose law it is under."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from jupyter_continuum.catalogue.claim import Claims, Source
from jupyter_continuum.catalogue.text import Country, OfferKey, Positive, SiteId, Text

Address = Annotated[
    str, Field(pattern=r"^(?:https|s3|file|python):[^\s\x00-\x20\x7f\"'<>`]{1,1000}$")
]
"""``https://``, ``s3://``, ``file:///``, or ``python:`` for data that a package brings along."""

Format = Literal["zarr", "netcdf", "parquet", "csv", "files"]

SUFFIXES: dict[str, Format] = {
    ".zarr": "zarr",
    **dict.fromkeys((".nc", ".nc4", ".cdf"), "netcdf"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    ".csv": "csv",
}


class Dataset(BaseModel):
    """One data set. Empty claims mean unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: OfferKey
    name: Annotated[Text, Field(min_length=1, max_length=120)]
    url: Address
    site: SiteId | None = None
    """The site it lies at; None when it can be had anywhere."""
    format: Format | None = None
    """What it is opened as; left out, the end of the URL says it."""
    source: Text | None = None
    note: Text = ""
    sources: dict[Text, Source] = {}

    owner: Claims[Text] = ()
    licence: Claims[Text] = ()
    jurisdiction: Claims[tuple[Country, ...]] = ()
    """Countries whose law it is under."""
    personal_data: Claims[bool] = ()
    stays: Claims[Literal["site", "jurisdiction"]] = ()
    """Where it must stay: at its site, or with workers in the countries of its jurisdiction."""
    size_gb: Claims[Positive] = ()

    @property
    def opened_as(self) -> Format:
        """``files`` where neither the record nor the end of the URL says more."""
        if self.format is not None:
            return self.format
        ends = (kind for end, kind in SUFFIXES.items() if self.url.rstrip("/").endswith(end))
        return next(ends, "files")

    @property
    def path(self) -> str:
        """Where it lies in the file system of its site; "" where it is reached otherwise."""
        where = self.url.removeprefix("file://")
        return where if where.startswith("/") else ""
