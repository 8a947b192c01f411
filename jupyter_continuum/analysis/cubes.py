"""xarray datasets in zarr stores and netCDF files that are opened and read where they lie."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from jupyter_continuum.analysis.readers import Alone, Readers, check_place, readable, wanted

COORDINATE_BYTES = 1 << 20
"""Coordinates up to this size come along; indexes always do, since xarray wants them."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a dataset is opened: the same wherever it is."""

    place: str
    format: str
    options: bytes
    """Of ``xarray.open_dataset``, pickled."""
    token: str
    """Of this one call: what was opened before is opened anew."""

    def open(self) -> Any:  # xarray.Dataset
        """Without its values."""
        xarray = wanted("xarray")
        if self.format == "zarr":
            wanted("zarr")
        engine = {"engine": "zarr"} if self.format == "zarr" else {}
        with readable(self.place, self.format):
            options = engine | pickle.loads(self.options)
            return xarray.open_dataset(self.place, **options, chunks=None, cache=False)


@lru_cache(maxsize=16)
def _opened(opening: Opening) -> Any:  # xarray.Dataset
    return opening.open()


@dataclass(frozen=True, slots=True)
class Described:
    """A variable as it is stored."""

    dims: tuple[str, ...]
    attrs: dict[Any, Any]
    coordinate: bool
    shape: tuple[int, ...]
    dtype: Any  # numpy.dtype
    chunks: tuple[int, ...]
    values: Any = None
    """Of an index or a small coordinate."""


def describe(opening: Opening) -> tuple[dict[str, Described], dict[Any, Any]]:
    """On a worker: its variables, and its attributes."""
    dataset = _opened(opening)
    with readable(opening.place, opening.format):
        found = {str(name): _described(name, dataset) for name in dataset.variables}
    return found, dict(dataset.attrs)


def _described(name: Any, dataset: Any) -> Described:
    variable = dataset.variables[name]
    coordinate = name in dataset.coords
    along = coordinate and (name in dataset.xindexes or variable.nbytes <= COORDINATE_BYTES)
    stored = variable.encoding.get("preferred_chunks") or {}
    return Described(
        dims=tuple(variable.dims),
        attrs=dict(variable.attrs),
        coordinate=coordinate,
        shape=tuple(variable.shape),
        dtype=variable.dtype,
        chunks=tuple(
            _length(stored.get(dim), size)
            for dim, size in zip(variable.dims, variable.shape, strict=True)
        ),
        values=np.asarray(variable.values) if along else None,
    )


def _length(stored: Any, whole: int) -> int:
    """Of a chunk along one axis; xarray says one length, or those of all."""
    first = stored[0] if isinstance(stored, tuple) else stored
    return max(1, min(int(first or whole), whole))


@dataclass(frozen=True, slots=True)
class StoredVariable:
    """What Dask takes regions of; they are read where the task runs."""

    opening: Opening
    name: str
    shape: tuple[int, ...]
    dtype: Any  # numpy.dtype
    read_at: tuple[str, ...]
    """The sites whose workers can; () is everybody."""
    only: str
    """The cluster for which alone it is read; "" is for anybody."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, region: Any) -> np.ndarray:
        check_place(self.opening.place, self.read_at, self.only)
        dataset = _opened(self.opening)
        with readable(self.opening.place, self.opening.format):
            return np.asarray(dataset.variables[self.name][region].values)


def open_cube(
    place: str,
    format: str,
    readers: Readers | Alone,
    *,
    chunks: Mapping[str, Any] | None = None,
    **kw: Any,
) -> Any:  # xarray.Dataset
    """The dataset, with a Dask array for each variable: one chunk of it is one as it is stored.

    ``chunks`` by dimension as in xarray; ``kw`` goes to ``xarray.open_dataset``.
    """
    xarray = wanted("xarray")
    from uuid import uuid4

    opening = Opening(place, format, pickle.dumps(kw), uuid4().hex)
    (described, attrs), able = readers.ask(describe, opening)
    limits = (able.pin(), able.only)
    variables = {
        name: (each.dims, _values(opening, name, each, limits, chunks or {}), each.attrs)
        for name, each in described.items()
    }
    coordinates = {name for name, each in described.items() if each.coordinate}
    return xarray.Dataset(
        {name: each for name, each in variables.items() if name not in coordinates},
        coords={name: each for name, each in variables.items() if name in coordinates},
        attrs=attrs,
    )


def _values(
    opening: Opening,
    name: str,
    each: Described,
    limits: tuple[tuple[str, ...], str],
    chunks: Mapping[str, Any],
) -> Any:
    if each.values is not None:
        return each.values
    import dask.array as da
    from dask.array.core import normalize_chunks

    lengths = tuple(
        chunks.get(dim, stored) for dim, stored in zip(each.dims, each.chunks, strict=True)
    )
    stored = StoredVariable(opening, name, each.shape, each.dtype, *limits)
    return da.from_array(
        stored,
        chunks=normalize_chunks(
            lengths, shape=each.shape, dtype=each.dtype, previous_chunks=each.chunks
        ),
        name=f"{name}-{opening.token}",
        asarray=True,
        inline_array=True,
        meta=np.empty((0,) * len(each.shape), each.dtype),
    )
