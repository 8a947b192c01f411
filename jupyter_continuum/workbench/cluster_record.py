"""The record of a cluster, in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_continuum.runs.record.model import RunRecord


class ClusterRecord:
    """The record as it was when it was asked for."""

    def __init__(self, cluster: str) -> None:
        """``cluster`` is a name or an id. Unknown when there is no record of it."""
        from jupyter_continuum.runs.record.asking import record_of

        self.model: RunRecord = record_of(cluster)

    @property
    def data(self) -> dict[str, Any]:  # as its JSON Schema has it
        """All of it, as plain values."""
        return self.model.model_dump(mode="json")

    def save(self, path: str | Path = "") -> Path:
        """Write ``path.record.json`` and ``path.record.html``; the page's path.

        Left out, it is called as the cluster is, in the folder of the notebook.
        """
        from jupyter_continuum.runs.record.files import write_record

        return write_record(self.model, Path(path or self.model.cluster.name)).html

    def __repr__(self) -> str:
        return f"Record of {self.model.cluster.name} until {self.model.end:%Y-%m-%d %H:%M:%S} UTC"

    def _repr_html_(self) -> str:
        from jupyter_continuum.runs.record.page import body

        return body(self.model)
