"""Arrays whose chunks stay on the devices of workers, for several runs over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jupyter_continuum.analysis.chunk import SHARE, DeviceChunk
from jupyter_continuum.analysis.crew import OnCluster, slots_by_site
from jupyter_continuum.analysis.cuts import Chunk, cut
from jupyter_continuum.analysis.device import backend
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.on_device import compute
from jupyter_continuum.analysis.opening import begin, lengths_for
from jupyter_continuum.analysis.shares import stretches
from jupyter_continuum.analysis.sources import Kept, Source, load, split
from jupyter_continuum.errors import AnalysisError


def keep(analysis: Analysis[Any, Any], array: Any, *, client: Any = None) -> Kept:
    """``array`` on the devices of the workers, for several runs over it without another upload.

    It is cut as ``analysis`` wants it, AnalysisError where that needs neighbours. Each site holds
    neighbouring chunks, as many as it has slots for among all, so that a run combines most partials
    where they are made. Where devices are full, the chunk that was not used for the longest time
    goes to its worker's host memory, and from there to its disk as Dask has it. With ``client`` the
    chunks stay until the result is no longer referred to; without one, those that would take more
    than half of the free memory are read anew by each run.
    """
    source, crew = begin(array, client)
    try:
        layout = analysis.layout(source.shape, np.dtype(source.dtype))
        if layout.halo:
            raise AnalysisError(
                f"{type(analysis).__name__} needs neighbours: its array is not kept. "
                "analysis.run() takes it as it is."
            )
        hands = crew.look()
        lengths = lengths_for(source, layout, hands)
        chunks = cut(source.shape, lengths, layout)
        if isinstance(crew, OnCluster):
            kept = [
                crew.keep(site, _upload, *_given(source, chunk))
                for site, stretch in stretches(len(chunks), slots_by_site(hands)).items()
                for chunk in chunks[stretch.start : stretch.stop]
            ]
        else:
            kept = keep_here(source, chunks, room=_room())
    finally:
        crew.close()
    return Kept(source.shape, np.dtype(source.dtype), lengths, tuple(kept))


def keep_here(source: Source, chunks: Sequence[Chunk], *, room: int) -> list[Any]:
    """Chunks up to ``room`` bytes, and parts of the others."""
    kept = []
    for chunk in chunks:
        room -= _bytes(chunk, source)
        kept.append(_upload(*_given(source, chunk)) if room >= 0 else source.part(chunk))
    return kept


def _room() -> int:
    """Bytes of the device and of host memory that chunks may take in this process."""
    import psutil

    here, left = backend(), psutil.virtual_memory().available // 2
    return int(left + SHARE * here.memory().total) if here.accelerated else int(left)


def _given(source: Source, chunk: Chunk) -> tuple[Any, ...]:
    part, inputs = split(source.part(chunk))
    return part, *inputs


def _bytes(chunk: Chunk, source: Source) -> int:
    found: int = np.dtype(source.dtype).itemsize
    for each in chunk.region:
        found *= each.stop - each.start
    return found


def _upload(part: Any, *inputs: Any) -> DeviceChunk:
    found: DeviceChunk = compute(upload, (load(part, inputs),), {}, keep=True)
    return found


def upload(_: Any, block: Any) -> Any:
    """The kernel of an array that is kept."""
    return block
