"""A Dataset: a named data set, where it lies and whose law it is under."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from jupyter_continuum.catalogue.claim import Claims, Source
from jupyter_continuum.catalogue.text import Country, OfferKey, Positive, SiteId, Text

Address = Annotated[
    str, Field(pattern=r"^(?:https|s3|file|python):[^\s\x00-\x20\x7f\"'<>`]{1,1000}$")
]
"""``https://``, ``s3://``, ``file:///``, or ``python:`` for data that a package brings along."""


class Dataset(BaseModel):
    """One data set. Empty claims mean unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: OfferKey
    name: Annotated[Text, Field(min_length=1, max_length=120)]
    url: Address
    site: SiteId | None = None
    """The site it lies at; None when it can be had anywhere."""
    source: Text | None = None
    note: Text = ""
    sources: dict[Text, Source] = {}

    owner: Claims[Text] = ()
    licence: Claims[Text] = ()
    jurisdiction: Claims[tuple[Country, ...]] = ()
    """Countries whose law it is under."""
    personal_data: Claims[bool] = ()
    size_gb: Claims[Positive] = ()
