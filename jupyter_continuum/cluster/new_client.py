"""A Client that leaves Dask as it found it, in whatever order several are closed.

distributed sets Dask's default scheduler when a client opens; only the last to close puts back
what it found itself. That is `dask.distributed` where another was open then, as when a cell that
attaches is run twice, and Dask refuses to compute from there on: no client is active.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

OF_CLIENTS = "dask.distributed"


def new_client(address: str, **options: Any) -> Client:
    """``options`` are the Client's own."""
    from dask import config
    from distributed import Client

    if config.get("scheduler", None) != OF_CLIENTS:
        return Client(address, **options)
    with config.set(scheduler=None):  # what it finds
        return Client(address, **options)
