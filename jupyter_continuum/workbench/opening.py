"""A data set of the catalogue or one's own, opened where it lies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import Unknown

if TYPE_CHECKING:
    from distributed import Client

HERE = "local"


def open_dataset(name: str, client: Client | None = None, **kw: Any) -> Any:
    """A data set by its id, as an xarray.Dataset, a dask.dataframe or open files.

    What lies at a site is opened and read by workers there, whatever is computed with it: name the
    ``client`` of a cluster that has some, or have made it last. Nothing of it is read here but
    names, types and coordinates. What can be had anywhere is read by the workers that can, and
    without a client by this process. What must stay somewhere is refused to a cluster that has or
    awaits workers elsewhere, and one that has opened it gets none there as long as it lives;
    results that are computed come to this notebook.

    ``kw`` goes to ``xarray.open_dataset`` (zarr, netCDF), ``dask.dataframe`` (parquet, CSV; read by
    workers it is ``columns``, or what ``pandas.read_csv`` takes) or ``fsspec.open_files``.
    """
    client = _latest_client() if client is None else client
    sites = _sites(client)
    record = call_broker("dataset", name=name, sites=sites)
    from jupyter_continuum.analysis import dataset
    from jupyter_continuum.analysis.readers import Readers, cluster_of

    only = ""
    if record["stays"] and client is not None:
        only = cluster_of(client)
        call_broker("bind", dataset=name, cluster=only)
    scheme, _, rest = record["url"].partition(":")
    if scheme == "python":
        return dataset.open_packaged(rest, **kw)
    place, site = record["path"] or record["url"], record["site"]
    alone = bool(record["stays"])
    if site == HERE and HERE not in sites:
        client, alone = None, True  # of a cluster elsewhere, whose workers do not see it
    if client is None:
        if site not in (None, HERE) and record["path"]:
            raise Unknown(
                f"{name} lies at {site} and is read by workers there: launch a cluster with one, "
                f"then `jc.open_dataset({name!r}, client=jc.attach().get_client())`."
            )
        open_ = dataset.open_alone if alone else dataset.open_here
        return open_(place, record["format"], **kw)
    at = site if record["path"] else None
    readers = Readers.of(client, name, at, only)
    return dataset.open_by_workers(place, record["format"], readers, **kw)


def _latest_client() -> Client | None:
    """The one that Dask computes with where none is named."""
    if "distributed" not in sys.modules:
        return None
    from distributed import Client

    try:
        latest: Client = Client.current()
    except ValueError:
        return None
    return latest


def _sites(client: Client | None) -> list[str]:
    """Those of whoever would read."""
    if client is None:
        return [HERE]
    from jupyter_continuum.analysis.readers import sites_with_workers

    return sites_with_workers(client)
