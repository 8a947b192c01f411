"""The cluster that a kernel at a site is part of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_continuum.errors import Unknown

if TYPE_CHECKING:
    from distributed import Client


class OwnCluster:
    """Seen from one of its nodes: a client of it, and no more."""

    def __init__(self, name: str, way: Path) -> None:
        self.name = name
        self._way = way

    def get_client(self, *, asynchronous: bool = False) -> Client:
        """A Dask client; with ``asynchronous``, await it as any asynchronous ``Client``."""
        from jupyter_continuum.cluster.way import open_way

        return open_way(self._way, asynchronous=asynchronous)

    def __repr__(self) -> str:
        return f"{self.name}: this kernel is on a node of it"


def own_cluster(wanted: str | None, name: str, way: Path) -> OwnCluster:
    """Unknown when another one is ``wanted``."""
    if wanted not in (None, name):
        raise Unknown(
            f"From a site, {wanted} cannot be reached: this kernel is on a node of {name}."
        )
    return OwnCluster(name, way)
