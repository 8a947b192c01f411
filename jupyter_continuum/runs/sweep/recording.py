"""The record of a sweep: its cluster's part between start and end, and what became of its runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.runs.sweep.folder import Folder, Record, Sweep

if TYPE_CHECKING:
    from jupyter_continuum.broker.messages.records import ClusterFacts
    from jupyter_continuum.runs.record.model import Quantity

NAME = "sweep.ipynb"
"""Beside a notebook of this name its record would lie: ``sweep.record.json`` and ``.html``."""
LAST = "sweep.record.json"


class SweepRecording:
    """Of one sweep from its start, or resumption, to its end."""

    def __init__(self, sweep: Sweep, total: int, folder: Folder) -> None:
        self._sweep, self._total, self._folder = sweep, total, folder
        self._started = datetime.now(UTC)
        self._cluster = ""
        """Its id; "" while there is none, or where no broker of ours knows of its life."""
        self._shared = False
        self._before: ClusterFacts | None = None

    def begin(self, cluster: str, *, shared: bool) -> None:
        """``shared``: the cluster was there before, and may serve others, too."""
        if "/" in cluster:
            return
        from jupyter_continuum.runs.record.asking import facts_of

        facts = facts_of(cluster)
        self._cluster, self._shared = facts.id, shared
        self._before = facts if shared else None

    def end(
        self, records: dict[int, Record], ran: Collection[int], tell: Callable[[str], None]
    ) -> None:
        """Write it, and into ``records`` the energy of those that ``ran``, where it is known."""
        if not self._cluster or not records:
            return
        from jupyter_continuum.runs.record.asking import record_of
        from jupyter_continuum.runs.record.files import write_record
        from jupyter_continuum.runs.record.model import SweepPart

        counted = Counter(record.state for record in records.values())
        earlier = earlier_records(self._folder.path)
        covered = {*ran}.union(*earlier.values())
        part = SweepPart(
            notebook=Path(self._sweep.notebook).name,
            digest=self._sweep.digest,
            kernel=self._sweep.kernel,
            axes={name: list(values) for name, values in self._sweep.axes.items()},
            fixed=dict(self._sweep.fixed),
            runs=self._total,
            completed=counted["completed"],
            failed=counted["failed"],
            died=counted["died"],
            run_seconds=round(sum(record.seconds for record in records.values()), 3),
            started=self._started,
            ended=datetime.now(UTC),
            runs_here=tuple(sorted(ran)),
            runs_of_no_record=tuple(sorted(records.keys() - covered)),
            earlier_records=tuple(earlier),
            energy_of_runs="",
        )
        try:
            made = record_of(self._cluster, sweep=part, before=self._before)
            energies, why = energy_of_runs(
                (records[number] for number in ran), made.totals.energy, shared=self._shared
            )
            for number, kwh in energies.items():
                records[number] = replace(records[number], energy_kwh=kwh)
                self._folder.write(records[number])
            told = part.model_copy(update={"energy_of_runs": why})
            put_aside(self._folder.path)
            write_record(made.model_copy(update={"sweep": told}), self._folder.path / NAME)
        except (ContinuumError, OSError) as error:
            tell(str(error))  # and not raised: how the runs ended weighs more


def earlier_records(folder: Path) -> dict[str, tuple[int, ...]]:
    """Names of the records of the same sweep before this, with the runs that each has in it.

    The last of them by the name that ``put_aside`` will give it.
    """
    kept = sorted(folder.glob("sweep.*.record.json"), key=lambda path: (len(path.name), path.name))
    found = {path.name: _runs_in(path) for path in kept}
    if (last := folder / LAST).exists():
        found[_aside(folder).name] = _runs_in(last)
    return found


def put_aside(folder: Path) -> None:
    """So that ``sweep.record.json`` can be written anew, and its page."""
    last, aside = folder / LAST, _aside(folder)
    for suffix in (".html", ".json"):
        if last.with_suffix(suffix).exists():
            last.with_suffix(suffix).replace(aside.with_suffix(suffix))


def _aside(folder: Path) -> Path:
    return folder / f"sweep.{len(list(folder.glob('sweep.*.record.json'))) + 1}.record.json"


def energy_of_runs(
    ran: Iterable[Record], energy: Quantity, *, shared: bool
) -> tuple[Mapping[int, float], str]:
    """Each run's part of the sweep's ``energy`` in kWh, by number, and how it is known, or why not.

    It is never more than an estimate: counters are of nodes and devices, read every two seconds,
    and runs share them, or follow each other faster.
    """
    runs = list(ran)
    seconds = sum(run.seconds for run in runs)
    if shared:
        return {}, (
            "Unknown: the cluster was there before the sweep, and may have worked for others, too."
        )
    if energy.value is None:
        return {}, f"Unknown, as the sweep's own is. {energy.reason}".rstrip()
    if not seconds:
        return {}, "Unknown: how long the runs took is not known."
    shares = {run.number: round(energy.value * run.seconds / seconds, 9) for run in runs}
    return shares, (
        "Estimated: each run's part, by its seconds, of the energy of this record "
        f"({energy.kind}), with what its cluster drew while it waited."
    )


def _runs_in(path: Path) -> tuple[int, ...]:
    """None in one that somebody changed: its runs then count as those of no record."""
    try:
        return tuple(map(int, json.loads(path.read_text())["sweep"]["runs_here"]))
    except (OSError, ValueError, TypeError, KeyError):
        return ()
