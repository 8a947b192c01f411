"""The objects of an image, put together from the parts that its tiles hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.sums import Span


class Labels(Protocol):
    """What finds objects in tiles; it finds the same ones again."""

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout: ...

    def labels(self, xp: Any, block: Any, chunk: Chunk) -> tuple[Any, Any, Any]:
        """Of a tile's own pixels: labels from 1, what was labelled, and the library of both."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of the labels 1, 2, ... of one tile; arrays are (labels,)."""

    object: np.ndarray
    """Which object each is part of: its place in `Regions`, counted from 1."""
    area: np.ndarray
    """Pixels, in this tile."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Where objects were found: what a second pass over the image needs."""

    by: Labels
    numbers: Mapping[Span, Numbers]
    """By tile, which together cover the image."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the image."""
        return tuple(stop for _, stop in max(self.numbers))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of a tile that is not the last along an axis."""
        return tuple(stop for _, stop in min(self.numbers))


@dataclass(frozen=True, slots=True)
class Regions:
    """The objects, in the order of ``low``; arrays are (objects,) unless said.

    `label_image` and `write_labels` say of each pixel which object it is of.
    """

    area: np.ndarray
    """Pixels."""
    centroid: np.ndarray
    """(objects, axes): in pixels of the whole image."""
    low: np.ndarray
    """(objects, axes): the first index along each axis."""
    high: np.ndarray
    """(objects, axes): one after the last."""
    mean: np.ndarray
    """Of the smoothed image, in its unit."""
    highest: np.ndarray
    """Of the smoothed image, in its unit."""
    tiles: Tiles = field(repr=False)

    def plot(self, ax: Any = None) -> Any:
        """Centroids along the last two axes, as large as the objects, on the returned axes."""
        from matplotlib import pyplot

        ax = ax or pyplot.figure().add_subplot()
        points = ax.scatter(self.centroid[:, -1], self.centroid[:, -2], self.area, c=self.mean)
        ax.figure.colorbar(points, ax=ax, label="mean")
        ax.invert_yaxis()
        ax.set(xlabel="column", ylabel="row")
        return ax


Part = tuple[dict[str, np.ndarray], list[tuple[np.ndarray, np.ndarray]]]
"""Of a tile: sums over its labels by name, and the labels on its two sides along each axis."""


def joined(by: Labels, parts: Mapping[Span, Part]) -> Regions:
    """One object of all labels that touch across the sides of tiles."""
    spans = sorted(parts)
    counts = [len(parts[each][0]["area"]) for each in spans]
    starts = np.cumsum([0, *counts])
    first = dict(zip(spans, starts.tolist(), strict=False))
    union = _Union(int(starts[-1]))
    at = {tuple(start for start, _ in each): each for each in spans}
    for tile in spans:
        for axis, (_, stop) in enumerate(tile):
            corner = tuple(stop if axis == one else each[0] for one, each in enumerate(tile))
            if corner not in at:  # the image ends here
                continue
            ours, theirs = parts[tile][1][axis][1], parts[at[corner]][1][axis][0]
            both = (ours > 0) & (theirs > 0)
            pairs = np.unique(np.stack([ours[both], theirs[both]], axis=1), axis=0)
            for one, two in pairs.tolist():
                union.join(first[tile] + one - 1, first[at[corner]] + two - 1)
    _, which = np.unique(union.roots(), return_inverse=True)
    columns, order = _measured([parts[each][0] for each in spans], which, len(spans[0]))
    number = np.empty(len(order), dtype="int64")
    number[order] = np.arange(1, len(order) + 1)
    ends = starts[1:-1]
    numbers = {
        tile: Numbers(mine, parts[tile][0]["area"])
        for tile, mine in zip(spans, np.split(number[which], ends), strict=True)
    }
    return Regions(
        **{name: each[order] for name, each in columns.items()}, tiles=Tiles(by, numbers)
    )


class _Union:
    """Which of ``count`` numbered things are one; each set is known by its lowest number."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one

    def join(self, one: int, two: int) -> None:
        low, high = sorted((self.root(one), self.root(two)))
        self._parent[high] = low

    def roots(self) -> np.ndarray:
        return np.array([self.root(one) for one in range(len(self._parent))], dtype="int64")


def _measured(
    tables: list[dict[str, np.ndarray]], which: np.ndarray, axes: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The fields of `Regions`, of labels that are of the objects ``which`` (labels,), and in what
    order they belong."""
    parts = {name: np.concatenate([each[name] for each in tables]) for name in tables[0]}
    count = int(which.max()) + 1 if len(which) else 0
    area = np.bincount(which, parts["area"], count).astype("int64")
    low = np.full((count, axes), np.iinfo("int64").max)
    high = np.zeros((count, axes), dtype="int64")
    np.minimum.at(low, which, parts["low"])
    np.maximum.at(high, which, parts["high"])
    highest = np.full(count, -np.inf)
    np.maximum.at(highest, which, parts["highest"])
    moments = np.zeros((count, axes))
    np.add.at(moments, which, parts["moments"])
    total = np.bincount(which, parts["sum"], count)
    order = np.lexsort(low.T[::-1]) if count else np.zeros(0, dtype="int64")
    measured = {"area": area, "centroid": moments / area[:, None], "low": low, "high": high}
    return measured | {"mean": total / area, "highest": highest}, order
