"""The run record of one run: what was before it, and what is to be written after it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jupyter_continuum.errors import ContinuumError

if TYPE_CHECKING:
    from jupyter_continuum.broker.messages.records import ClusterFacts

State = Literal["completed", "failed", "interrupted"]


class Recording:
    """Begun once the run has its cluster, ended when that may be gone."""

    def __init__(self, notebook: Path, kernel: str, parameters: Mapping[str, Any]) -> None:
        self._notebook = notebook
        self._kernel = kernel
        self._parameters = parameters
        self._cluster = ""
        """Its id: another one may have the name by then."""
        self._before: ClusterFacts | None = None
        self._digest = ""
        self._started = datetime.now(UTC)

    def begin(self, cluster: str, *, shared: bool) -> None:
        """``shared``: the cluster was there before, and what it did then is not the run's."""
        self._digest = _digest(self._notebook)
        if "/" in cluster:  # somebody else's: no broker of ours knows of its life
            return
        from jupyter_continuum.runs.record.asking import facts_of

        facts = facts_of(cluster)
        self._cluster = facts.id
        self._before = facts if shared else None

    def end(
        self, output: Path, state: State, cells: int, tell: Callable[[str], None]
    ) -> Path | None:
        """The record's path; None when there is none, and why not is told."""
        if not self._cluster or not output.exists() or not output.stat().st_size:
            return None
        from jupyter_continuum.runs.record.asking import record_of
        from jupyter_continuum.runs.record.files import write_record
        from jupyter_continuum.runs.record.model import Notebook

        notebook = Notebook(
            name=self._notebook.name,
            sha256=self._digest,
            output=output.name,
            output_sha256=_digest(output),
            kernel=self._kernel,
            parameters=dict(self._parameters),
            state=state,
            cells_run=cells,
            started=self._started,
            ended=datetime.now(UTC),
        )
        try:
            record = record_of(self._cluster, notebook=notebook, before=self._before)
            return write_record(record, output).json
        except ContinuumError as error:
            tell(str(error))  # and not raised: how the notebook ended weighs more
            return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
