"""What an analysis reads: NumPy, zarr, Dask and xarray arrays, and chunks kept on devices.

A source says what it is like and gives a part for each region. Only the part travels, and the
worker loads it in the same task that computes with it. What needs a package that the worker
environment has not is pickled twice: a task that cannot be unpickled ends a Dask worker, a part
that cannot be is a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jupyter_continuum.analysis.cuts import Chunk
from jupyter_continuum.analysis.graphs import DaskArray, GraphPart
from jupyter_continuum.analysis.stores import Variable, ZarrArray, ZarrPart, look_at
from jupyter_continuum.errors import AnalysisError


class Source(Protocol):
    """An array that can be read by regions."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...  # numpy.dtype

    @property
    def blocks(self) -> tuple[int, ...] | None:
        """Lengths of a storage block, where it is stored in any."""

    @property
    def settled(self) -> bool:
        """Whether chunks lie on workers, where they should be computed."""

    def part(self, chunk: Chunk) -> Any:
        """What travels for a chunk: `load` reads it. It may be a future of Dask."""


def load(part: Any, inputs: Sequence[Any] = ()) -> Any:
    """On the worker: the array of a part, or what stands for one."""
    return part.read(inputs) if isinstance(part, ZarrPart | GraphPart) else part


def split(part: Any) -> tuple[Any, Sequence[Any]]:
    """A part, and the futures that it needs."""
    if isinstance(part, tuple) and part and isinstance(part[0], GraphPart):
        return part
    return part, ()


def as_source(array: Any) -> Source:
    """The source for ``array``; AnalysisError names what there are."""
    if isinstance(array, str | Path | Variable):
        place = str(array) if isinstance(array, Path) else array
        return ZarrArray.seen(place, look_at(place))
    if hasattr(array, "part") and hasattr(array, "blocks"):
        found: Source = array
        return found
    kind = f"{type(array).__module__}.{type(array).__qualname__}"
    if kind.startswith("xarray.") and hasattr(array, "dims"):
        return _of_xarray(array)
    if hasattr(array, "__dask_graph__") and hasattr(array, "chunks"):
        return DaskArray(array)
    if kind.startswith("zarr.") and hasattr(array, "chunks"):
        return _of_zarr(array)
    if kind.startswith("numpy."):
        return HostArray(array)
    raise AnalysisError(
        f"An analysis reads NumPy, Dask, xarray and zarr arrays and the path of a zarr array, "
        f"not {kind}. numpy.asarray() makes one of most things."
    )


@dataclass(frozen=True, slots=True)
class HostArray:
    """A NumPy array here, also one that is mapped from a file; each part is a copy of its own."""

    array: Any
    blocks: tuple[int, ...] | None = None
    settled: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    def part(self, chunk: Chunk) -> Any:
        return self.array[chunk.outer]


@dataclass(frozen=True, slots=True)
class Kept:
    """An array whose chunks lie on the devices of workers; see `keep`."""

    shape: tuple[int, ...]
    dtype: Any
    lengths: tuple[int, ...]
    """Of its chunks: every analysis of it takes these."""
    chunks: tuple[Any, ...]
    """By index: a DeviceChunk, the future of one, or a part of what there was no room for."""
    settled: bool = True

    @property
    def blocks(self) -> tuple[int, ...]:
        return self.lengths

    def part(self, chunk: Chunk) -> Any:
        return self.chunks[chunk.index]


def _of_zarr(array: Any) -> Source:
    root = getattr(array.store, "root", None)
    if root is None:  # in memory, or in a store that is no folder: it has to travel
        from dask.array import from_zarr

        return DaskArray(from_zarr(array))
    place = str(Path(root) / array.path)
    return ZarrArray.seen(place, look_at(place))


def _of_xarray(array: Any) -> Source:
    """Of a DataArray; one that is not loaded yet is read by chunks."""
    if not hasattr(array, "dtype"):
        names = ", ".join(map(str, array.data_vars))
        raise AnalysisError(f"This Dataset holds {names}: name one of them, dataset[NAME].")
    if array.chunks is None and not array.variable._in_memory:
        array = array.chunk({})
    return as_source(array.data)
