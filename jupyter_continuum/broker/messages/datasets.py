"""Data sets that are known, and what is said of each; files at a site."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from jupyter_continuum.broker.messages.message import Message


class ToldView(Message):
    """What a record says of one thing, and who says so."""

    value: Any  # text, a number, a flag or countries, by the field
    kind: str
    """A kind of the catalogue's claims, or ``expired``."""
    source: str = ""
    url: str = ""
    date: str = ""
    """When it was seen, or its source written, as exactly as is known."""
    note: str = ""


class DatasetView(Message):
    """A data set as a face shows it. None means unknown."""

    id: str
    name: str
    url: str
    path: str = ""
    """At its site; "" where it is reached otherwise."""
    format: str
    """What it is opened as: ``zarr``, ``netcdf``, ``parquet``, ``csv`` or ``files``."""
    site: str | None = None
    """None: it can be had anywhere."""
    note: str = ""
    owner: ToldView | None = None
    licence: ToldView | None = None
    jurisdiction: ToldView | None = None
    personal_data: ToldView | None = None
    stays: ToldView | None = None
    size_gb: ToldView | None = None


class ResidencyView(Message):
    """A data set that must stay, and that a cluster has opened."""

    dataset: str
    stays: str
    """``site`` or ``jurisdiction``."""
    where: list[str]
    """That site, or the countries of the jurisdiction."""
    sites: list[str]
    """Those at which the cluster may have workers, as long as it lives."""
    said: str


class FileView(Message):
    """One entry of a folder at a site."""

    name: str
    """Without control characters."""
    kind: str
    """``file``, ``folder``, ``link`` or ``other``."""
    size: int | None = None
    modified: datetime | None = None
    fetchable: bool
    """Not a folder, nor under a name that no file here can have."""
    opens: bool
    """It is a folder, or a link that may lead to one, under a name that can be asked for."""


class FilesView(Message):
    """A folder at a site."""

    site: str
    path: str
    """"" where a login would be."""
    files: list[FileView]
    """Folders first."""
    more: bool = False
    """There are more than are listed."""
    above: str | None = None
    """The folder that holds it; None where none is known."""


class FetchedView(Message):
    """A file that has come here."""

    site: str
    path: str
    """Here."""
    bytes: int
    resumed: int
    """Bytes that had come before."""


FetchState = Literal["running", "done", "stopped", "failed"]


class FetchView(Message):
    """A file that is on its way here, or was not long ago."""

    id: str
    site: str
    path: str
    """There."""
    target: str
    """Here."""
    state: FetchState
    reason: str = ""
    """Why it failed."""
    done: int
    total: int | None
    """Bytes; None before the site has said how many."""
