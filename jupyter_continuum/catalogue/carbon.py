"""Carbon intensity of electricity: a year's mean by country, in series that differ by design."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from jupyter_continuum.catalogue.text import Country, Text, Url

Grams = Annotated[float, Field(ge=0, le=2000)]
Percent = Annotated[float, Field(ge=0, le=100)]
Year = Annotated[int, Field(ge=2000, le=2100)]


class Series(BaseModel):
    """Who measured, how, and under which licence it may be passed on."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: Text
    url: Url
    date: Text
    tier: Text
    licence: Text
    attribution: Text
    """Shown wherever a number of this series is."""
    method: Text = ""


class Intensity(BaseModel):
    """The mean of one year, by one series."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    gco2eq_per_kwh: Grams
    year: Year
    renewable_percent: Percent | None = None
    carbon_free_percent: Percent | None = None


class CountryCarbon(BaseModel):
    """What each series says of one country."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Text
    series: dict[Text, Intensity]
    """By the key of the series."""
    zones: dict[Text, Intensity] = {}
    """Parts of the country with a mix of their own, by the default series."""


class CarbonTable(BaseModel):
    """Every country we have a number for. Series are never mixed: compare within one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    default_series: Text
    series: dict[Text, Series]
    countries: dict[Country, CountryCarbon]

    def intensity(self, country: str, series: str | None = None) -> Intensity | None:
        """One series' number, the default series' when none is named; None means unknown."""
        entry = self.countries.get(country)
        return entry.series.get(series or self.default_series) if entry else None
