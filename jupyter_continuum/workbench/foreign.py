"""A cluster of somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.rows import Record
from jupyter_continuum.errors import ContinuumError, Unknown

if TYPE_CHECKING:
    from distributed import Client


class ForeignCluster:
    """A Dask cluster at a site that somebody else runs: a client of it, and no more."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._find()

    def _find(self) -> Record:
        found = call_broker("foreign_clusters")
        view: Record | None = next((each for each in found if each["name"] == self.name), None)
        if view is None:
            known = ", ".join(each["name"] for each in found) or "none"
            raise Unknown(f"No cluster of others is called {self.name!r}. There are: {known}.")
        return view

    def get_client(self, *, asynchronous: bool = False) -> Client:
        """A Dask client; with ``asynchronous``, await it as any asynchronous ``Client``."""
        from jupyter_continuum.cluster.foreign import open_foreign_client

        site, _, name = self.name.partition("/")
        answer = call_broker("attach_foreign", site=site, name=name)
        return open_foreign_client(Path(answer["socket"]), asynchronous=asynchronous)

    def __repr__(self) -> str:
        try:
            return f"{self.name}: {self._find()['state']}, run by others"
        except ContinuumError as error:
            return str(error)  # a repr that raises hides the object
