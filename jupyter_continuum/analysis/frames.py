"""Tables in parquet and CSV files that are opened and read where they lie."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from glob import glob
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from jupyter_continuum.analysis.readers import Alone, Readers, check_place, readable, wanted
from jupyter_continuum.errors import AnalysisError

BYTES = 64 << 20
"""Of a file that one partition holds, about: as in dask.dataframe."""
HEAD_BYTES = 1 << 18
"""Of a CSV file, that its columns are known by."""
WHOLE = {
    *("comment", "compression", "encoding", "header", "lineterminator"),
    *("names", "nrows", "quoting", "skipfooter", "skiprows"),
}
"""Options of pandas.read_csv with which a part of a file cannot be read by itself."""
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What Hive calls a folder of rows that have none."""
ENDS = {"parquet": (".parquet", ".pq"), "csv": (".csv",)}


@dataclass(frozen=True, slots=True)
class Piece:
    """What makes one partition: row groups of a parquet file, or bytes of a CSV file."""

    path: str
    start: int
    stop: int
    keys: tuple[tuple[str, int | str | None], ...] = ()
    """Columns that its folders say, ``year=2024``, and the file need not hold."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a worker reads pieces of."""

    format: str
    options: Mapping[str, Any]
    """Of ``pandas.read_csv``; ``columns`` of parquet."""
    read_at: tuple[str, ...] = ()
    only: str = ""
    """The cluster for which alone it is read; "" is for anybody."""

    def __call__(self, piece: Piece) -> Any:  # pandas.DataFrame
        check_place(piece.path, self.read_at, self.only)
        with readable(piece.path, self.format):
            if self.format == "parquet":
                return _row_groups(piece, **self.options)
            return _lines(piece, self.options)


def open_frame(place: str, format: str, readers: Readers | Alone, **kw: Any) -> Any:
    """A dask.dataframe; ``kw`` is ``columns`` of parquet, or goes to ``pandas.read_csv``."""
    wanted("pandas")
    wanted("pyarrow")  # dask.dataframe wants it, whatever is read
    import dask.dataframe as dd

    (pieces, meta), able = readers.ask(describe, place, format, kw, BYTES)
    if format == "csv":  # later parts of the file are read as its head was
        dates = [name for name, kind in meta.dtypes.items() if kind.kind == "M"]
        known = meta.dtypes.drop(dates).to_dict()
        kw |= {"dtype": known | kw["dtype"] if isinstance(kw.get("dtype"), dict) else known}
    read = Table(format, kw, able.pin(), able.only)
    return dd.from_map(read, pieces, meta=meta, label=f"read-{format}")


def describe(place: str, format: str, kw: Mapping[str, Any], size: int) -> tuple[list[Piece], Any]:
    """On a worker: pieces of about ``size`` bytes, and a DataFrame without rows."""
    wanted("pandas")
    partitioned = _partitioned(place) if format == "parquet" else {}
    paths = list(partitioned) or find_files(place, ENDS[format])
    with readable(place, format):
        if format == "parquet":
            pieces = [
                replace(piece, keys=partitioned.get(path, ()))
                for path in paths
                for piece in _by_row_groups(path, size)
            ]
            # A row group to know the types by: what pandas makes of them depends on the options.
            first = replace(pieces[0], stop=min(1, pieces[0].stop))
        else:
            size = sys.maxsize if WHOLE & kw.keys() else size
            pieces = [piece for path in paths for piece in _by_bytes(path, size)]
            first = Piece(paths[0], 0, HEAD_BYTES)
        return pieces, Table(format, kw)(first).iloc[:0]


def find_files(place: str, ends: tuple[str, ...] = ("",)) -> list[str]:
    """The files at a path of this machine: itself, those of a folder, or what a pattern says."""
    if os.path.isdir(place):
        names = (os.path.join(place, name) for name in os.listdir(place))
        found = [name for name in names if name.endswith(ends) and os.path.isfile(name)]
    else:
        found = [name for name in glob(place, recursive=True) if os.path.isfile(name)]
    if not found:
        import socket

        raise AnalysisError(f"{place} on {socket.gethostname()}: no such file. Check its record.")
    return sorted(found)


def _partitioned(place: str) -> dict[str, tuple[tuple[str, int | str | None], ...]]:
    """The parquet files below folders called ``key=value``, as Hive and Spark write them.

    The values of a key are numbers where all of them are.
    """
    found: dict[str, dict[str, str]] = {}
    for folder, inner, names in os.walk(place):
        inner[:] = [each for each in inner if "=" in each]
        parts = os.path.relpath(folder, place).split(os.sep) if folder != place else []
        keys = dict(part.split("=", 1) for part in parts)
        for name in names:
            if name.endswith(ENDS["parquet"]):
                found[os.path.join(folder, name)] = keys
    if not any(found.values()):
        return {}
    if len({tuple(keys) for keys in found.values()}) > 1:
        raise AnalysisError(f"{place} has files below different key=value folders. Name one kind.")
    texts = {name for keys in found.values() for name, text in keys.items() if not _whole(text)}
    return {
        path: tuple((name, _value(text, name in texts)) for name, text in found[path].items())
        for path in sorted(found)
    }


def _whole(text: str) -> bool:
    """Whether it is a number that a column holds."""
    return text.removeprefix("-").isdecimal() and len(text) <= 18


def _value(text: str, as_text: bool) -> int | str | None:
    if text == NO_VALUE:
        return None
    return unquote(text) if as_text else int(text)


def _by_row_groups(path: str, size: int) -> Iterator[Piece]:
    known = wanted("pyarrow.parquet").ParquetFile(path).metadata
    start, found = 0, 0
    for number in range(known.num_row_groups):
        found += known.row_group(number).total_byte_size
        if found >= size or number == known.num_row_groups - 1:
            yield Piece(path, start, number + 1)
            start, found = number + 1, 0
    if not known.num_row_groups:
        yield Piece(path, 0, 0)


def _by_bytes(path: str, size: int) -> Iterator[Piece]:
    whole = os.path.getsize(path)
    for start in range(0, max(1, whole), size):
        yield Piece(path, start, min(start + size, whole))


def _row_groups(piece: Piece, columns: list[str] | None = None) -> Any:
    said = dict(piece.keys)
    with wanted("pyarrow.parquet").ParquetFile(piece.path) as file:
        if missing := sorted({*(columns or ())} - {*file.schema_arrow.names, *said}):
            raise ValueError(f"it has no columns {', '.join(missing)}")
        groups = list(range(piece.start, piece.stop))
        stored = None if columns is None else [each for each in columns if each not in said]
        read = file.read_row_groups(groups, columns=stored, use_pandas_metadata=True)
    frame = read.to_pandas()
    for name, value in piece.keys:
        if columns is None or name in columns:
            frame[name] = _constant(value, frame.index)
    return frame if columns is None else frame[list(columns)]


def _constant(value: int | str | None, index: Any) -> Any:  # pandas.Series
    pandas = wanted("pandas")
    kind = "int64" if isinstance(value, int) else pandas.Series([""]).dtype
    return pandas.Series([value] * len(index), index=index, dtype=kind)


def _lines(piece: Piece, options: Mapping[str, Any]) -> Any:
    """Whole lines: those that begin within the piece, and the head of the file before them."""
    pandas = wanted("pandas")
    if WHOLE & options.keys():
        return pandas.read_csv(piece.path, **options)
    with open(piece.path, "rb") as file:
        head = file.readline()
        start = piece.start
        if start:
            file.seek(start - 1)
            start += len(file.readline()) - 1
        else:
            start = len(head)
        file.seek(start)
        body = file.read(max(0, piece.stop - start))
        if body and not body.endswith(b"\n"):
            body += file.readline()
    return pandas.read_csv(BytesIO(head + body), **options)
