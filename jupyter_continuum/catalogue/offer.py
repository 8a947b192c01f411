"""An Offer: something allocatable at a site, a Slurm partition or an instance type."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from jupyter_continuum.catalogue.claim import Claims
from jupyter_continuum.catalogue.text import Count, Positive, SiteId, Text, Word

Architecture = Literal["x86_64", "aarch64"]
Vendor = Literal["nvidia", "amd", "intel"]
Outbound = Literal["none", "partial", "proxy", "nat", "open"]
"""What compute nodes can dial: nothing; some of them or some addresses; through a proxy;
through address translation; the internet, how is not said."""


class Offer(BaseModel):
    """A partition with its QoS, or an instance type. Empty claims mean unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str
    """``<site>/<key>``: what a Plan names."""
    site: SiteId
    name: Text
    partition: Word | None = None
    """What Slurm calls it; None where that is not known or there is no Slurm."""
    qos: Word | None = None
    constraint: Word | None = None
    cluster: Word | None = None
    """Of several clusters behind one operator, the one that has it."""
    instance_type: Text | None = None
    source: Text | None = None
    note: Text = ""

    nodes: Claims[Count] = ()
    max_nodes_per_job: Claims[Count] = ()
    max_walltime_h: Claims[Positive] = ()
    shareable: Claims[bool] = ()
    """Jobs may take a part of a node."""
    cores_per_node: Claims[Count] = ()
    vcpus_per_node: Claims[Count] = ()
    memory_gb_per_node: Claims[Positive] = ()
    cpu_architecture: Claims[Architecture] = ()
    gpu_vendor: Claims[Vendor] = ()
    gpu_model: Claims[Text] = ()
    gpus_per_node: Claims[Count] = ()
    """As the batch system counts them: an MI250X is two."""
    gpu_memory_gb: Claims[Positive] = ()
    outbound_network: Claims[Outbound] = ()
    """Only where it differs from the site's."""
    regions: Claims[tuple[Text, ...]] = ()
    price_eur_per_hour: Claims[Positive] = ()
    """Without VAT."""
    price_usd_per_hour: Claims[Positive] = ()
    price_unknown_currency_per_hour: Claims[Positive] = ()
    """The source names no currency, so it is shown and never compared."""
