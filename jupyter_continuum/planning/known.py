"""What is known of offers and sites at the moment of planning. None and "" mean unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jupyter_continuum.sites.protocols import EVERYBODY, Admits, Association


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOffer:
    """Live numbers where the site was asked, the catalogue's elsewhere."""

    id: str
    site: str
    partition: str = ""
    qos: str = ""
    """Set where the offer is a partition under one QoS."""
    launchable: bool = True
    reason: str = ""
    """Why it is not launchable, and what to do: one sentence."""
    max_walltime_seconds: int | None = None
    max_nodes: int | None = None
    """Of one job."""
    nodes_total: int | None = None
    gpus_per_node: int | None = None
    gpu_type: str = ""
    cpus_per_node: int | None = None
    memory_gb_per_node: float | None = None
    admits: Admits = EVERYBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSite:
    """The person's side of a site."""

    id: str
    python: str = "python3"
    account: str = ""
    qos: str = ""
    prologue: str = ""
    associations: tuple[Association, ...] = ()
    """What the site lets the person charge; empty where it keeps no such list."""
    parents: Mapping[str, str] = field(default_factory=dict)
    """The account above each, as far as the site tells."""
