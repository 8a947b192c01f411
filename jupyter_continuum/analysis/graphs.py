"""Dask arrays, read chunk by chunk: what makes a chunk runs inside the task that analyses it."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_continuum.analysis.cuts import Chunk, Region
from jupyter_continuum.errors import AnalysisError


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
