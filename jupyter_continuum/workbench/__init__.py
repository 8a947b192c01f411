"""The Python face: the functions behind ``import jupyter_continuum as jc``."""

from jupyter_continuum.workbench.cluster import Cluster
from jupyter_continuum.workbench.connecting import connect
from jupyter_continuum.workbench.keep_result import record
from jupyter_continuum.workbench.launching import attach, launch, stop
from jupyter_continuum.workbench.listings import (
    Listing,
    clusters,
    datasets,
    foreign_clusters,
    offers,
    sites,
)
from jupyter_continuum.workbench.opening import open_dataset
from jupyter_continuum.workbench.site_files import fetch, files

__all__ = [
    "Cluster",
    "Listing",
    "attach",
    "clusters",
    "connect",
    "datasets",
    "fetch",
    "files",
    "foreign_clusters",
    "launch",
    "offers",
    "open_dataset",
    "record",
    "sites",
    "stop",
]
