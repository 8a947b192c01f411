"""An analysis over all chunks of an array, on a cluster or here."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from jupyter_continuum.analysis.chunk import DeviceChunk
from jupyter_continuum.analysis.crew import Crew, Hands, Here, OnCluster
from jupyter_continuum.analysis.cuts import Chunk, Layout, chunk_lengths, cut
from jupyter_continuum.analysis.method import Analysis, InOrder
from jupyter_continuum.analysis.on_device import compute
from jupyter_continuum.analysis.placement import Kind, admit
from jupyter_continuum.analysis.sources import GraphPart, Kept, Source, as_source, load
from jupyter_continuum.errors import AnalysisError

R = TypeVar("R")
WANTED = {True: 1 << 30, False: 1 << 28}
"""Bytes of a chunk on a device, and on a CPU. One pass over 128 MB takes an H200 30 us, a task of
Dask some 500 us."""
LEAST = 1 << 23
"""No chunk is cut below this to occupy more workers."""
LOOK_SECONDS = 5.0
"""How often newly joined workers are looked for."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    total: int
    by: Mapping[str, int]
    """Chunks done by each kind of worker."""


def run(
    analysis: Analysis[Any, R],
    array: Any,
    *,
    client: Any = None,
    progress: Callable[[Progress], object] | None = None,
) -> R:
    """What ``analysis`` finds in ``array``: a NumPy, Dask, zarr or xarray array, or a zarr path.

    With ``client`` (a Dask Client) on the workers of its cluster, else in the threads of this
    process. Each chunk is one task: it is loaded, analysed and reduced to a small partial where
    it runs, so the array may be larger than all memory. A chunk is some whole storage blocks,
    at most 1 GiB on GPUs and 256 MiB where CPUs take part, and less where memory is short.
    Where workers differ in speed, the first chunks measure them, and a slower worker gets a
    chunk only if it is not what the others would have to wait for.

    AnalysisError for an empty array, for one that does not fit the analysis, and where a chunk
    fits on no worker. Half precision is computed as single.
    """
    source = as_source(array)
    _check(source)
    layout = analysis.layout(source.shape, np.dtype(source.dtype))
    crew: Crew = Here() if client is None else OnCluster(client)
    try:
        chunks = cut(source.shape, _lengths(source, layout, crew.look()), layout)
        combined: InOrder[Any] = InOrder(len(chunks), analysis.combine)
        for chunk, partial, done in _each(crew, _Task(analysis), source, chunks):
            combined.add(chunk.index, partial)
            if progress:
                progress(done)
    finally:
        crew.close()
    return analysis.finalise(combined.result)


def keep(analysis: Analysis[Any, Any], array: Any, *, client: Any = None) -> Kept:
    """``array`` on the devices of the workers, for several runs over it without another upload.

    It is cut as ``analysis`` wants it. Where devices are full, the chunk that was not used for the
    longest time goes to its worker's host memory. With ``client`` the chunks stay until the
    result is no longer referred to.
    """
    source = as_source(array)
    _check(source)
    layout = analysis.layout(source.shape, np.dtype(source.dtype))
    if layout.halo:
        raise AnalysisError(f"{type(analysis).__name__} needs neighbours: its array is not kept.")
    crew: Crew = Here() if client is None else OnCluster(client)
    try:
        lengths = _lengths(source, layout, crew.look())
    finally:
        crew.close()
    chunks = cut(source.shape, lengths, layout)
    parts = [_split(source.part(chunk)) for chunk in chunks]
    kept: Sequence[Any]
    if client is None:
        kept = [_upload(part, *inputs) for part, inputs in parts]
    else:
        kept = [client.submit(_upload, part, *inputs, pure=False) for part, inputs in parts]
    return Kept(source.shape, np.dtype(source.dtype), lengths, tuple(kept))


def _upload(part: Any, *inputs: Any) -> DeviceChunk:
    found: DeviceChunk = compute(upload, (load(part, inputs),), {}, keep=True)
    return found


def upload(_: Any, block: Any) -> Any:
    """The kernel of an array that is kept."""
    return block


@dataclass(frozen=True, slots=True)
class _Task:
    """What runs on a worker, once for each chunk."""

    analysis: Analysis[Any, Any]

    def __call__(self, chunk: Chunk, part: Any, *inputs: Any) -> tuple[Any, float]:
        """The partial, and the seconds that it took."""
        start = time.perf_counter()
        block = load(part, inputs)
        partial = compute(self.analysis.partial, (block,), {"chunk": chunk})
        return partial, time.perf_counter() - start


@dataclass(slots=True)
class _Tally:
    """What is known of workers that are alike."""

    seconds: list[float] = field(default_factory=list)
    running: int = 0
    done: int = 0

    def kind(self, hands: Hands) -> Kind:
        median = statistics.median(self.seconds) if self.seconds else None
        return Kind(hands.slots, median, self.running, hands.accelerated)


def _each(crew: Crew, task: _Task, source: Source, chunks: Sequence[Chunk]) -> Any:
    """Chunk, partial and progress of each chunk, as they are done.

    What a slower kind has not done when a faster one has nothing left to do is repeated there,
    and the first partial counts: a chunk may be far slower than those that were measured.
    """
    waiting = list(reversed(chunks))
    running: dict[Future[Any], tuple[Chunk, str]] = {}
    tallies: dict[str, _Tally] = {}
    finished: set[int] = set()
    repeated: set[int] = set()
    looked = -LOOK_SECONDS
    hands: Mapping[str, Hands] = {}

    def start(name: str, chunk: Chunk) -> None:
        part, inputs = _split(source.part(chunk))
        running[crew.start(name, task, chunk, part, *inputs)] = (chunk, name)
        tallies[name].running += 1

    while len(finished) < len(chunks):
        if time.monotonic() - looked > LOOK_SECONDS:
            hands, looked = crew.look(), time.monotonic()
            for name in hands:
                tallies.setdefault(name, _Tally())
        names = list(hands)
        kinds = [tallies[name].kind(hands[name]) for name in names]
        for name, number in zip(names, admit(len(waiting), kinds), strict=True):
            for _ in range(number):
                start(name, waiting.pop())
        if not waiting:
            for name, chunk in _repeats(running, names, kinds, finished | repeated):
                repeated.add(chunk.index)
                start(name, chunk)
        for future in wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED).done:
            chunk, name = running.pop(future)
            tallies[name].running -= 1
            partial, seconds = future.result()
            tallies[name].seconds.append(max(seconds, 1e-9))
            if chunk.index in finished:
                continue
            finished.add(chunk.index)
            tallies[name].done += 1
            by = {each: tally.done for each, tally in tallies.items()}
            yield chunk, partial, Progress(len(finished), len(chunks), by)


def _repeats(
    running: Mapping[Future[Any], tuple[Chunk, str]],
    names: Sequence[str],
    kinds: Sequence[Kind],
    not_again: set[int],
) -> list[tuple[str, Chunk]]:
    """Chunks of slower kinds, for free slots of the fastest."""
    known = {name: kind for name, kind in zip(names, kinds, strict=True) if kind.seconds}
    if not known:
        return []
    fastest = min(known, key=lambda name: known[name].seconds or 0)
    free = known[fastest].slots - known[fastest].running
    slow = [
        chunk
        for chunk, name in running.values()
        if name != fastest and chunk.index not in not_again
    ]
    return [(fastest, chunk) for chunk in slow[: max(0, free)]]


def _split(part: Any) -> tuple[Any, Sequence[Any]]:
    """A part, and the futures that it needs."""
    if isinstance(part, tuple) and part and isinstance(part[0], GraphPart):
        return part
    return part, ()


def _check(source: Source) -> None:
    if not all(source.shape):
        raise AnalysisError(f"An array of shape {tuple(source.shape)} holds nothing to analyse.")


def _lengths(source: Source, layout: Layout, hands: Mapping[str, Hands]) -> tuple[int, ...]:
    if isinstance(source, Kept):
        if layout.halo:
            raise AnalysisError("This analysis needs neighbours: it reads no array that is kept.")
        return source.lengths
    size = int(np.prod(source.shape, dtype=np.int64)) * np.dtype(source.dtype).itemsize
    at_most = int(min(each.room for each in hands.values()) / layout.working)
    wanted = WANTED[all(each.accelerated for each in hands.values())]
    slots = sum(each.slots for each in hands.values())
    return chunk_lengths(
        source.shape,
        np.dtype(source.dtype).itemsize,
        layout,
        blocks=source.blocks,
        bytes_wanted=min(at_most, wanted, max(LEAST, size // (2 * slots))),
        bytes_at_most=at_most,
    )
