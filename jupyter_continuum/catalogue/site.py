"""A Site: a place that runs compute under one operator."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from jupyter_continuum.catalogue.claim import Claims, Source
from jupyter_continuum.catalogue.offer import Offer, Outbound, Vendor
from jupyter_continuum.catalogue.text import (
    Count,
    Country,
    HostName,
    Latitude,
    Longitude,
    OfferKey,
    Positive,
    SiteId,
    Text,
    Url,
)

SiteKind = Literal["hpc", "cloud", "own", "local", "emulated"]
Lifecycle = Literal["operational", "planned", "retired", "unknown"]
Share = Annotated[float, Field(ge=0, le=1)]
Pue = Annotated[float, Field(ge=1, le=5)]


class Region(BaseModel):
    """Where a cloud has machines."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: Text | None = None
    code_source: Text | None = None
    """Who names the region's code, where that is not ``source``."""
    city: Claims[Text] = ()
    country: Claims[Country] = ()
    latitude: Claims[Latitude] = ()
    longitude: Claims[Longitude] = ()


class Site(BaseModel):
    """One operator's machine or cloud, with everything said of it. Empty claims mean unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: SiteId
    name: Annotated[Text, Field(min_length=1, max_length=80)]
    kind: SiteKind
    lifecycle: Lifecycle = "unknown"
    source: Text | None = None
    """Who gives ``name`` and every value of the site that names no source of its own."""
    note: Text = ""
    sources: dict[Text, Source] = {}
    offers: dict[OfferKey, Offer] = {}
    regions: dict[Text, Region] = {}

    status: Claims[Text] = ()
    operator: Claims[Text] = ()
    programme: Claims[Text] = ()
    ai_factory: Claims[Text] = ()
    vendor: Claims[Text] = ()
    city: Claims[Text] = ()
    country: Claims[Country] = ()
    latitude: Claims[Latitude] = ()
    longitude: Claims[Longitude] = ()
    docs: Claims[Url] = ()
    web_portal: Claims[Url] = ()
    terms: Claims[Url] = ()
    """The terms of use that a person has to accept."""

    scheduler: Claims[Literal["slurm", "kubernetes", "pbs", "htcondor"]] = ()
    scheduler_version: Claims[Text] = ()
    login_hosts: Claims[tuple[HostName, ...]] = ()
    ssh_port: Claims[Annotated[int, Field(ge=1, le=65535)]] = ()
    jump_host: Claims[Text] = ()
    access_protocol: Claims[Text] = ()
    access_routes: Claims[tuple[Text, ...]] = ()
    second_factor: Claims[bool] = ()
    vpn_required: Claims[bool] = ()
    login_node_policy: Claims[Text] = ()
    rest_api: Claims[Text] = ()
    outbound_network: Claims[Outbound] = ()

    gpu_vendor: Claims[Vendor] = ()
    gpu_software: Claims[Text] = ()
    array_gpu_wheels: Claims[Text] = ()
    interconnect: Claims[Text] = ()
    filesystems: Claims[dict[Text, Text]] = ()
    federated_software: Claims[Text] = ()
    accounting_unit: Claims[Text] = ()
    allocation_command: Claims[Literal["lumi-allocations", "saldo"]] = ()
    """Tells what is left of allocations where Slurm's own books do not. Words, never shell text."""

    rmax_pflops: Claims[Positive | dict[Text, Positive]] = ()
    """A number, or one per part of the machine."""
    rpeak_pflops: Claims[Positive | dict[Text, Positive]] = ()
    performance_target_pflops: Claims[Positive] = ()
    power_kw_linpack: Claims[Positive | dict[Text, Positive]] = ()
    green500_gflops_per_watt: Claims[Positive | dict[Text, Positive]] = ()
    green500_rank: Claims[Count] = ()
    top500_rank: Claims[Count] = ()
    pue: Claims[Pue | dict[Text, Pue]] = ()
    wue_l_per_kwh: Claims[Positive | dict[Text, Positive]] = ()
    renewable_share: Claims[bool | Share | dict[Text, bool]] = ()
    """0 to 1, or a flag where the source gives no figure."""
    waste_heat: Claims[Text] = ()
    cost_eur: Claims[Positive] = ()

    seat_country: Claims[Country] = ()
    jurisdiction: Claims[Text] = ()
    certifications: Claims[dict[Text, bool | Text | None]] = ()
    managed_kubernetes: Claims[Text] = ()
    price_api: Claims[Text] = ()
