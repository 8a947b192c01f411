"""What is read, who reads it, and how it is cut for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jupyter_continuum.analysis.crew import Crew, Hands, Here, OnCluster
from jupyter_continuum.analysis.cuts import Chunk, Layout, chunk_lengths
from jupyter_continuum.analysis.sources import Kept, Source, as_source
from jupyter_continuum.analysis.stores import Variable, ZarrArray
from jupyter_continuum.errors import AnalysisError

WANTED = {True: 1 << 30, False: 1 << 28}
"""Bytes that a task takes on a device, and on a CPU. One pass over 128 MB takes an H200 30 us, a
task of Dask some 500 us."""
LEAST = 1 << 23
"""No chunk is cut below this to occupy more workers."""


def begin(array: Any, client: Any, writes: str = "") -> tuple[Source, Crew]:
    """What is read, and who reads it: what a path leads to is seen by the workers alone."""
    crew: Crew
    place = str(array) if isinstance(array, Path) else array
    if client is not None and isinstance(place, str | Variable):
        cluster = OnCluster(client, stores=[place, writes])
        source: Source = ZarrArray.seen(place, cluster.found())
        crew = cluster
    else:
        source = as_source(place)
        apart = not source.settled
        crew = Here() if client is None else OnCluster(client, stores=["", writes], apart=apart)
    if not all(source.shape):
        crew.close()
        raise AnalysisError(f"An array of shape {tuple(source.shape)} holds nothing to analyse.")
    return source, crew


def lengths_for(source: Source, layout: Layout, hands: Mapping[str, Hands]) -> tuple[int, ...]:
    """Of a chunk that fits each of the hands, and is enough work for one."""
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


def wanted_by(source: Source, chunk: Chunk, hands: Hands) -> int:
    """How many chunks a task of these hands takes. What lies on workers is not brought together."""
    if source.settled:
        return 1
    lengths = [each.stop - each.start for each in chunk.region]
    size = int(np.prod(lengths, dtype=np.int64)) * np.dtype(source.dtype).itemsize
    return max(1, int(WANTED[hands.accelerated] // max(1, size)))
