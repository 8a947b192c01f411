"""Which object each pixel of an image is of: a second pass over the tiles of a segmentation."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from jupyter_continuum.analysis.crew import OnCluster
from jupyter_continuum.analysis.cuts import Chunk, Layout, cut
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.on_device import compute
from jupyter_continuum.analysis.regions import Numbers, Regions, Tiles
from jupyter_continuum.analysis.scan import Progress, run
from jupyter_continuum.analysis.sources import as_source, load, split
from jupyter_continuum.analysis.stores import ZarrArray, import_zarr
from jupyter_continuum.analysis.sums import span
from jupyter_continuum.errors import AnalysisError


def label_image(found: Regions, image: Any) -> Any:
    """A Dask array that says of each pixel of ``image`` which object of ``found`` it is of.

    ``image`` is what ``found`` was found in, in any form that `run` reads. The array has its shape
    and holds integers: 0 outside of objects, and ``i + 1`` in the object whose area is
    ``found.area[i]``, whichever tiles it crosses (int32, or int64 from 2**31 objects on). Labels
    differ from those of ``scipy.ndimage.label`` in their order alone.

    Nothing is computed until it is asked for, and then tile by tile: each is smoothed, cut at the
    threshold and labelled again, on the device that a worker has, and may be discarded or stored
    before the next. Who computes a tile must reach the image, and have SciPy. `write_labels` stores
    all of them where the image is.

    AnalysisError for an image of another shape, and where a tile has not the objects that it had:
    the image was changed, or a value at the threshold was rounded otherwise by another library.

    >>> image = np.zeros((4, 6))
    >>> image[1:3, 1:3] = image[0, 4:] = 1
    >>> from jupyter_continuum.analysis import Segmentation
    >>> label_image(run(Segmentation(threshold=0.5, sigma=0), image), image).compute()
    array([[0, 0, 0, 0, 1, 1],
           [0, 2, 2, 0, 0, 0],
           [0, 2, 2, 0, 0, 0],
           [0, 0, 0, 0, 0, 0]], dtype=int32)
    """
    import dask.array as da
    from dask._task_spec import Task

    tiles = found.tiles
    by_path = isinstance(image, str | Path)  # it may lead nowhere from here
    source = ZarrArray(str(image), tiles.shape, None, None) if by_path else as_source(image)
    labelling = Labelling(tiles, len(found.area))
    layout = labelling.layout(tuple(source.shape), np.dtype("float64"))
    name = f"labels-{uuid4().hex}"
    graph = {}
    for chunk in cut(tiles.shape, tiles.lengths, layout):
        part, inputs = split(source.part(chunk))
        at = (each.start // n for each, n in zip(chunk.region, tiles.lengths, strict=True))
        key = (name, *at)
        graph[key] = Task(key, _label_tile, labelling.for_chunks([chunk]), chunk, part, *inputs)
    chunks = da.core.normalize_chunks(tiles.lengths, tiles.shape)
    return da.Array(graph, name, chunks, dtype=labelling.dtype)


def write_labels(
    found: Regions,
    image: Any,
    place: str | Path,
    *,
    client: Any = None,
    progress: Callable[[Progress], object] | None = None,
) -> None:
    """`label_image` of ``image``, written as a zarr array at the path or URL ``place``.

    With ``client`` by the workers that compute it, which share the file system that ``place`` is in
    with one that can read the image: neither needs to be seen from here. Its storage blocks are the
    image's where they fit the tiles, else the tiles. What was written before an error stays there.

    AnalysisError as with `label_image`, and where something lies at ``place`` already.
    """
    tiles, number = found.tiles, len(found.area)
    by_path = client is not None and isinstance(image, str | Path)
    crew = OnCluster(client, stores=[str(image) if by_path else ""]) if client else None
    source = crew.found() if crew and by_path else as_source(image)
    chunks = tuple(
        block if length % block == 0 else length
        for block, length in zip(source.blocks or tiles.lengths, tiles.lengths, strict=True)
    )
    target = Target(str(place), tiles.shape, chunks, _type(number), uuid4().hex)
    labelling = Labelling(tiles, number, target)
    labelling.layout(
        tuple(source.shape), np.dtype(source.dtype)
    )  # refuses before it makes anything
    if crew:
        client.run(target.create, workers=[crew.some_worker()])
    else:
        target.create()
    run(labelling, image, client=client, progress=progress)


@dataclass(frozen=True, slots=True)
class Target:
    """A zarr array that workers write into, each its own tiles."""

    place: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    mark: str
    """Of this array: another may lie under the same name elsewhere."""

    def create(self) -> None:
        zarr = import_zarr()
        try:
            zarr.create_array(
                self.place,
                shape=self.shape,
                chunks=self.chunks,
                dtype=self.dtype,
                fill_value=0,
                attributes={"mark": self.mark},
            )
        except (OSError, ValueError, zarr.errors.ContainsArrayError) as error:
            raise AnalysisError(
                f"{self.place} on {socket.gethostname()} cannot be made a zarr array "
                f"({next(iter(str(error).splitlines()), type(error).__name__)}). Name a place "
                "where nothing lies yet."
            ) from error

    def write(self, chunk: Chunk, labels: np.ndarray) -> None:
        array = import_zarr().open_array(self.place, mode="r+")
        if array.attrs.get("mark") != self.mark:
            raise AnalysisError(
                f"{self.place} on {socket.gethostname()} is another array than the one that was "
                "made for these labels: name a place that all workers share."
            )
        array[chunk.region] = labels


@dataclass(frozen=True, slots=True)
class Labelling(Analysis[Any, None]):
    """The labels of each tile, written where there is a ``target``."""

    tiles: Tiles
    number: int
    """Of objects."""
    target: Target | None = None

    @property
    def dtype(self) -> str:
        return _type(self.number)

    @property
    def writes(self) -> str:
        return self.target.place if self.target else ""

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        if shape != self.tiles.shape:
            raise AnalysisError(
                f"The objects were found in an image of {self.tiles.shape}, and this one has "
                f"{shape}."
            )
        layout = self.tiles.by.layout(shape, dtype)
        return replace(layout, length=dict(enumerate(self.tiles.lengths)))

    def for_chunks(self, chunks: Sequence[Chunk]) -> Labelling:
        numbers = {tile: self._numbers(tile) for tile in map(_tile, chunks)}
        return replace(self, tiles=Tiles(self.tiles.by, numbers))

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        from jupyter_continuum.analysis.device import backend

        labels, _, lib = self.tiles.by.labels(xp, block, chunk)
        mine = self._numbers(_tile(chunk))
        area = lib.bincount(labels.reshape(-1), minlength=len(mine.area) + 1)[1:]
        if not np.array_equal(backend().to_host(area), mine.area):
            raise AnalysisError(
                f"The tile at {tuple(each.start for each in chunk.region)} has not the objects "
                "that were found in it: the image was changed, or workers with another array "
                "library rounded a value at the threshold. Run the segmentation again, on the "
                "workers that will label."
            )
        table = np.concatenate([[0], mine.object]).astype(self.dtype)
        return lib.asarray(table)[labels]

    def put_away(self, partial: Any, chunk: Chunk) -> Any:
        if self.target is None:
            return partial
        self.target.write(chunk, partial)
        return None

    def combine(self, first: None, second: None) -> None:
        return None

    def finalise(self, partial: None) -> None:
        return None

    def _numbers(self, tile: Any) -> Numbers:
        if tile not in self.tiles.numbers:
            raise AnalysisError(
                "The objects were found in other tiles: pass the array that they were found in."
            )
        return self.tiles.numbers[tile]


def _label_tile(labelling: Labelling, chunk: Chunk, part: Any, *inputs: Any) -> Any:
    return compute(labelling.partial, (load(part, inputs),), {"chunk": chunk})


def _tile(chunk: Chunk) -> Any:
    return span(chunk, *range(len(chunk.region)))


def _type(number: int) -> str:
    return "int32" if number < 1 << 31 else "int64"
