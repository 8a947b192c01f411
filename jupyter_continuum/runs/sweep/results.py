"""The records of a sweep as one table: CSV, and parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jupyter_continuum.runs.sweep.folder import Record, write_in_one_step
from jupyter_continuum.table import clean

MOST_SIGNS = 500
"""Of one value where a person looks at it; the notebook and the table have it whole."""
EXACT = 2**53
"""Integers beyond it are no numbers to JavaScript."""
Shown = int | float | str | None
"""A value as a face shows it; None is unknown."""
Table = dict[str, list[Any]]
"""Columns by name, all of the same length; None where a run has no such value."""


def table_of(records: Iterable[Record]) -> Table:
    """One row a run. Parameters are ``params.NAME``, what was recorded is ``outputs.NAME``."""
    kept = list(records)
    table: Table = {
        "run": [each.number for each in kept],
        **_columns("params", [each.parameters for each in kept]),
        **_columns("outputs", [each.outputs for each in kept]),
        "status": [each.state for each in kept],
        "error": [each.error or None for each in kept],
        "site": [each.site for each in kept],
        "started": [each.started for each in kept],
        "seconds": [each.seconds for each in kept],
        "energy_kwh": [each.energy_kwh for each in kept],
        "attempts": [each.attempts for each in kept],
    }
    return table


def shown(value: Any) -> Shown:
    """A number that JSON and JavaScript have, else text; lists and dicts are JSON."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if math.isfinite(value) and abs(value) <= EXACT else str(value)
    text = clean(str(_plain(value)))
    return text if len(text) <= MOST_SIGNS else f"{text[: MOST_SIGNS - 1]}…"


def write_csv(path: Path, table: Table) -> None:
    """Unknown is an empty cell; lists and dicts are JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(
        ["" if value is None else _plain(value) for value in row]
        for row in zip(*table.values(), strict=True)
    )
    write_in_one_step(path, text.getvalue())


def write_parquet(path: Path, table: Table) -> bool:
    """False without pyarrow. A column whose values have no common type is JSON text."""
    try:
        import pyarrow as pa
        from pyarrow.parquet import write_table
    except ImportError:
        return False
    columns: dict[str, Any] = {}  # pyarrow's arrays
    for name, values in table.items():
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[name] = pa.array(
                [None if each is None else json.dumps(each) for each in values]
            )
    columns["energy_kwh"] = columns["energy_kwh"].cast(pa.float64())
    partial = path.with_name(f".{path.name}")
    write_table(pa.table(columns), partial)
    partial.replace(path)
    return True


def _columns(kind: str, rows: Sequence[Any]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {f"{kind}.{name}": [row.get(name) for row in rows] for name in names}


def _plain(value: Any) -> Any:
    """As Python writes it, save what JSON writes better."""
    return json.dumps(value) if isinstance(value, bool | list | dict) else value
