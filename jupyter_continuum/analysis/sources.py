"""What an analysis reads: NumPy, zarr, Dask and xarray arrays, and chunks kept on devices.

A source says what it is like and gives a part for each region. Only the part travels, and the
worker loads it in the same task that computes with it. What needs a package that the worker
environment has not is pickled twice: a task that cannot be unpickled ends a Dask worker, a part
that cannot be is a sentence.
"""

from __future__ import annotations

import pickle
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Region
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


@dataclass(frozen=True, slots=True)
class Found:
    """What a worker sees of an array that is stored where it is."""

    shape: tuple[int, ...]
    dtype: str
    blocks: tuple[int, ...]


def look_at(place: str) -> Found:
    """The array at a path or URL, seen from this process."""
    array = _open_zarr(place)
    return Found(tuple(array.shape), str(array.dtype), tuple(array.shards or array.chunks))


def as_source(array: Any) -> Source:
    """The source for ``array``; AnalysisError names what there are."""
    if isinstance(array, str | Path):
        return ZarrArray.seen(str(array), look_at(str(array)))
    if hasattr(array, "part") and hasattr(array, "blocks"):
        found: Source = array
        return found
    kind = f"{type(array).__module__}.{type(array).__qualname__}"
    if kind.startswith("xarray.") and hasattr(array, "dims"):
        return _of_xarray(array)
    if hasattr(array, "__dask_graph__") and hasattr(array, "chunks"):
        return DaskArray(array)
    if kind.startswith("zarr.") and hasattr(array, "chunks"):
        return ZarrArray.of(array)
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
class ZarrPart:
    """A region of a zarr array, by its place."""

    place: str
    region: Region

    def read(self, _: Sequence[Any]) -> Any:
        return _open_zarr(self.place)[self.region]


@dataclass(frozen=True, slots=True)
class ZarrArray:
    """A zarr array by path or URL, which every worker must reach."""

    place: str
    shape: tuple[int, ...]
    dtype: Any
    blocks: tuple[int, ...] | None
    settled: bool = False

    @classmethod
    def seen(cls, place: str, found: Found) -> ZarrArray:
        return cls(place, found.shape, np.dtype(found.dtype), found.blocks)

    @classmethod
    def of(cls, array: Any) -> Source:
        root = getattr(array.store, "root", None)
        if root is None:  # in memory, or in a store that is no folder: it has to travel
            from dask.array import from_zarr

            return DaskArray(from_zarr(array))
        place = str(Path(root) / array.path)
        return cls.seen(place, look_at(place))

    def part(self, chunk: Chunk) -> ZarrPart:
        return ZarrPart(self.place, chunk.outer)


def import_zarr() -> Any:
    try:
        import zarr
    except ImportError:
        raise AnalysisError(
            f"zarr is not installed on {socket.gethostname()}. Bring it to the workers with "
            "cluster.install('zarr'), or prepare their site --with zarr."
        ) from None
    return zarr


def _open_zarr(place: str) -> Any:  # zarr.Array
    zarr = import_zarr()
    try:
        found = zarr.open(place, mode="r")
    except (OSError, ValueError) as error:
        raise AnalysisError(
            f"{place} on {socket.gethostname()} cannot be read as zarr "
            f"({str(error).splitlines()[0]}). Every worker must reach it under this name."
        ) from error
    if not hasattr(found, "shape"):
        names = ", ".join(sorted(found)) or "none"
        raise AnalysisError(f"{place} is a zarr group with the arrays {names}: name one of them.")
    return found


@dataclass(frozen=True, slots=True)
class GraphPart:
    """A region of a Dask array: the tasks that make it, run one after another where it is read."""

    pickled: bytes
    """Of graph and key."""
    names: tuple[Any, ...]
    """Keys of the graph that come as inputs: they were persisted on the cluster."""

    def read(self, inputs: Sequence[Any]) -> Any:
        from dask.local import get_sync

        try:
            graph, key = pickle.loads(self.pickled)
        except ImportError as error:
            raise AnalysisError(
                f"{socket.gethostname()} lacks what this Dask array is made with ({error}). "
                "Bring it to the workers with cluster.install, or prepare their site --with it."
            ) from error
        return get_sync({**graph, **dict(zip(self.names, inputs, strict=True))}, key)


class DaskArray:
    """A Dask array. What makes a chunk runs inside the task that analyses it.

    AnalysisError where chunks that are far apart share tasks, such as the mean in
    ``x - x.mean()``: each chunk would compute them anew.
    """

    def __init__(self, array: Any) -> None:
        if any(size != size for size in array.shape):
            raise AnalysisError("The Dask array has unknown lengths: call compute_chunk_sizes().")
        self._array = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype: Any = array.dtype
        self.blocks: tuple[int, ...] | None = array.chunksize
        self.settled = bool(_futures(array.__dask_graph__()))
        self._checked = False
        self._futures: dict[Any, Any] | None = None
        """Of the whole array, once a chunk needed one."""

    def part(self, chunk: Chunk) -> GraphPart | tuple[GraphPart, list[Any]]:
        graph, key = self._graph(chunk.outer)
        if not self._checked:
            self._check(graph)
        import cloudpickle

        futures = self._persisted(graph, key)
        left = {name: task for name, task in graph.items() if name not in futures}
        part = GraphPart(cloudpickle.dumps((left, key)), tuple(futures))
        return (part, list(futures.values())) if futures else part

    def _persisted(self, graph: Mapping[Any, Any], key: Any) -> dict[Any, Any]:
        """Futures of what the graph needs and lies on a cluster; optimising leaves them out."""
        needed = {key}.union(*(getattr(task, "dependencies", ()) for task in graph.values()))
        if needed <= graph.keys() and self._futures is None:
            return {}
        if self._futures is None:
            self._futures = _futures(self._array.__dask_graph__())
        return {name: self._futures[name] for name in sorted(needed & self._futures.keys())}

    def _graph(self, region: Region) -> tuple[dict[Any, Any], Any]:
        from dask.base import optimize
        from dask.core import flatten

        (one,) = optimize(self._array[region].rechunk(-1))
        (key,) = flatten(one.__dask_keys__())
        return dict(one.__dask_graph__()), key

    def _check(self, first: Mapping[Any, Any]) -> None:
        """Compare the graphs of two corners, where they are far apart."""
        self._checked = True
        if max(self._array.numblocks, default=1) < 3:
            return
        last = tuple(
            slice(size - chunks[-1], size)
            for size, chunks in zip(self.shape, self._array.chunks, strict=True)
        )
        other, _ = self._graph(last)
        shared = [name for name in first if name in other and _works(first[name])]
        if shared:
            names = ", ".join(sorted({_plain(name) for name in shared})[:3])
            raise AnalysisError(
                f"The chunks of this Dask array share work ({names}), which each of them would "
                "do anew. Compute that part first, or persist the array with client.persist()."
            )


@dataclass(frozen=True, slots=True)
class Kept:
    """An array whose chunks lie on the devices of workers; see `keep`."""

    shape: tuple[int, ...]
    dtype: Any
    lengths: tuple[int, ...]
    """Of its chunks: every analysis of it takes these."""
    chunks: tuple[Any, ...]
    """By index: a DeviceChunk, or the future of one."""
    settled: bool = True

    @property
    def blocks(self) -> tuple[int, ...]:
        return self.lengths

    def part(self, chunk: Chunk) -> Any:
        return self.chunks[chunk.index]


def _of_xarray(array: Any) -> Source:
    """Of a DataArray; one that is not loaded yet is read by chunks."""
    if not hasattr(array, "dtype"):
        names = ", ".join(map(str, array.data_vars))
        raise AnalysisError(f"This Dataset holds {names}: name one of them, dataset[NAME].")
    if array.chunks is None and not array.variable._in_memory:
        array = array.chunk({})
    return as_source(array.data)


def _futures(graph: Mapping[Any, Any]) -> dict[Any, Any]:
    """By key, what already lies on a cluster."""
    from distributed import Future

    return {name: task for name, task in graph.items() if isinstance(task, Future)}


def _works(task: Any) -> bool:
    """Whether it computes: data and other names of a task do not."""
    from dask._task_spec import Alias, DataNode, GraphNode

    return isinstance(task, GraphNode) and not isinstance(task, DataNode | Alias)


def _plain(name: Any) -> str:
    """``mean_agg`` of ``('mean_agg-1f..', 0)``."""
    return str(name[0] if isinstance(name, tuple) else name).rpartition("-")[0]
