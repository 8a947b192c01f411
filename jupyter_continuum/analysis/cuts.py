"""How an array is cut into chunks. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jupyter_continuum.errors import AnalysisError

Region = tuple[slice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Along which axes an analysis may be cut, and what a chunk needs."""

    axes: tuple[int, ...]
    """Those that may be cut, the one to cut first in front."""
    halo: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """By axis, how many neighbours a chunk also sees before and after it."""
    step: Mapping[int, int] = field(default_factory=dict)
    """By axis, what the length of a chunk is a multiple of; 1 where nothing is said."""
    working: float = 4.0
    """Device memory that a chunk needs at most, in sizes of the chunk."""
    length: Mapping[int, int] = field(default_factory=dict)
    """By axis, the length of a chunk where a result must not depend on the workers."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of an array, and what of its neighbours is read with it."""

    index: int
    """Its place among all chunks, counted along the last axis first."""
    region: Region
    """What is its own."""
    outer: Region
    """With the halo, which ends at the array's edges."""

    @property
    def inner(self) -> Region:
        """Where ``region`` lies in an array of the shape of ``outer``."""
        return tuple(
            slice(own.start - all_.start, own.stop - all_.start)
            for own, all_ in zip(self.region, self.outer, strict=True)
        )


def chunk_lengths(
    shape: Sequence[int],
    itemsize: int,
    layout: Layout,
    *,
    blocks: Sequence[int] | None,
    bytes_wanted: int,
    bytes_at_most: int,
) -> tuple[int, ...]:
    """Lengths of a chunk along every axis: near ``bytes_wanted``, whole storage blocks if they fit.

    A block that is larger than ``bytes_at_most`` is cut, and read more than once; AnalysisError
    where the analysis allows no cut that small.
    """
    lengths = list(shape)
    for axis, length in layout.length.items():
        lengths[axis] = min(length, shape[axis])
    blocks = blocks or [1] * len(shape)
    free = [axis for axis in layout.axes if axis not in layout.length]
    for axis in free:  # whole blocks, as many as are wanted, and no more halo than chunk
        least = max(blocks[axis], sum(layout.halo.get(axis, (0, 0))), 1)
        unit = _multiple(least, layout.step.get(axis, 1))
        _shorten(lengths, axis, unit, itemsize, layout, bytes_wanted)
    for axis in free:  # less than a block, only where it must be
        _shorten(lengths, axis, layout.step.get(axis, 1), itemsize, layout, bytes_at_most)
    smallest = _bytes(lengths, itemsize, layout)
    if smallest > bytes_at_most:
        raise AnalysisError(
            f"A chunk of {tuple(lengths)} takes {smallest / 2**20:.0f} MiB, a worker has room for "
            f"one of {bytes_at_most / 2**20:.0f} MiB, and this analysis cannot be cut further. "
            "Use workers with more memory, or a smaller array."
        )
    return tuple(lengths)


def cut(shape: Sequence[int], lengths: Sequence[int], layout: Layout) -> list[Chunk]:
    """All chunks of an array; each element is in the region of exactly one."""
    starts = [
        range(0, size, length) if size else range(0)
        for size, length in zip(shape, lengths, strict=True)
    ]
    chunks = []
    for index, corner in enumerate(itertools.product(*starts)):
        region, outer = [], []
        for axis, start in enumerate(corner):
            stop = min(start + lengths[axis], shape[axis])
            before, after = layout.halo.get(axis, (0, 0))
            region.append(slice(start, stop))
            outer.append(slice(max(0, start - before), min(shape[axis], stop + after)))
        chunks.append(Chunk(index, tuple(region), tuple(outer)))
    return chunks


def _shorten(
    lengths: list[int], axis: int, unit: int, itemsize: int, layout: Layout, limit: int
) -> None:
    """Cut along ``axis`` to a multiple of ``unit``, the longest that keeps to ``limit`` bytes."""
    if _bytes(lengths, itemsize, layout) <= limit or lengths[axis] <= unit:
        return
    slab = _bytes([*lengths[:axis], 1, *lengths[axis + 1 :]], itemsize, layout, without=axis)
    fits = limit // slab - sum(layout.halo.get(axis, (0, 0)))
    lengths[axis] = min(lengths[axis], max(unit, fits // unit * unit))


def _bytes(
    lengths: Sequence[int], itemsize: int, layout: Layout, *, without: int | None = None
) -> int:
    return itemsize * math.prod(
        length + (0 if axis == without else sum(layout.halo.get(axis, (0, 0))))
        for axis, length in enumerate(lengths)
    )


def _multiple(length: int, step: int) -> int:
    return -(-length // step) * step
