"""Objects in images that are larger than memory: smoothed, cut at a threshold, and measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.sums import floating, need
from jupyter_continuum.errors import AnalysisError

REACH = 4.0
"""Deviations of the Gaussian that count; beyond lies 6e-5 of it."""


@dataclass(frozen=True, slots=True)
class Regions:
    """The objects, in the order of ``low``; arrays are (objects,) unless said."""

    area: np.ndarray
    """Pixels."""
    centroid: np.ndarray
    """(objects, axes): in pixels of the whole image."""
    low: np.ndarray
    """(objects, axes): the first index along each axis."""
    high: np.ndarray
    """(objects, axes): one after the last."""
    mean: np.ndarray
    """Of the smoothed image."""
    highest: np.ndarray
    """Of the smoothed image."""

    def plot(self, ax: Any = None) -> Any:
        """Centroids along the last two axes, as large as the objects, on the returned axes."""
        from matplotlib import pyplot

        ax = ax or pyplot.figure().add_subplot()
        points = ax.scatter(self.centroid[:, -1], self.centroid[:, -2], self.area, c=self.mean)
        ax.figure.colorbar(points, ax=ax, label="mean")
        ax.invert_yaxis()
        ax.set(xlabel="column", ylabel="row")
        return ax


@dataclass(frozen=True, slots=True)
class Segmentation(Analysis[dict[tuple[int, ...], Any], Regions]):
    """Connected regions above ``threshold`` in an image or volume smoothed by a Gaussian.

    ``sigma`` is in pixels, 0 for none; the kernel ends at 4 sigma and the image is mirrored at its
    edges, as in ``scipy.ndimage.gaussian_filter``. Pixels are of one object that touch by a side
    (``scipy.ndimage.label`` with its usual structure). A NaN spreads as far as the kernel reaches,
    and is in no object.

    Tiles see their neighbours as far as the kernel reaches, so smoothing does not know the cut.
    Each labels its own pixels and hands on its objects' sums and the labels on its sides; where two
    tiles have objects at the same place of their common side, those are one (union-find, on the
    host). Labelling is SciPy's, or CuPy's where a worker has it; with torch the smoothed tile is
    brought to the host for it.

    Smoothing is done in the image's precision: a pixel within some ``2 * axes * eps * taps`` of the
    threshold may fall to either side. Sums over objects are float64.
    """

    threshold: float
    sigma: float = 1.0

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        if len(shape) not in (2, 3):
            raise AnalysisError(f"An image has two axes and a volume three, not {len(shape)}.")
        if self.sigma < 0:
            raise AnalysisError(f"sigma is 0 or more, not {self.sigma}.")
        axes = tuple(range(len(shape)))
        halo = dict.fromkeys(axes, (self._reach, self._reach)) if self._reach else {}
        return Layout(axes=axes, halo=halo, working=6 * 8 / dtype.itemsize)

    @property
    def _reach(self) -> int:
        return math.floor(REACH * self.sigma + 0.5)

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        smooth = floating(xp, block)
        for axis in range(smooth.ndim):
            smooth = self._smooth(xp, smooth, axis)
        smooth = smooth[chunk.inner]
        labels, smooth, lib = _label(smooth > self.threshold, smooth)
        corner = tuple(each.start for each in chunk.region)
        return {corner: (_measure(lib, labels, smooth, corner), _sides(labels))}

    def _smooth(self, xp: Any, x: Any, axis: int) -> Any:
        """One axis, mirrored at both ends. Ends that are no edge of the image lie in the halo."""
        reach, size = self._reach, x.shape[axis]
        if not reach:
            return x
        at = np.arange(-reach, reach + 1)
        weights = np.exp(-0.5 * (at / self.sigma) ** 2)
        weights /= weights.sum()
        index = np.arange(-reach, size + reach) % (2 * size)
        index = np.minimum(index, 2 * size - 1 - index)
        from jupyter_continuum.analysis.device import backend

        wide = xp.take(x, backend().put(index), axis=axis)
        found = xp.zeros_like(x)
        for shift, weight in enumerate(weights.tolist()):
            window = [slice(None)] * x.ndim
            window[axis] = slice(shift, shift + size)
            found = found + weight * wide[tuple(window)]
        return found

    def combine(self, first: dict[Any, Any], second: dict[Any, Any]) -> dict[Any, Any]:
        return first | second

    def finalise(self, partial: dict[tuple[int, ...], Any]) -> Regions:
        corners = sorted(partial)
        axes = len(corners[0])
        starts = np.cumsum([0, *(len(partial[each][0]["area"]) for each in corners)])
        first = dict(zip(corners, starts.tolist(), strict=False))
        union = _Union(int(starts[-1]))
        for corner in corners:
            for axis in range(axes):
                other = _next(corners, corner, axis)
                if other is None:
                    continue
                ours, theirs = partial[corner][1][axis][1], partial[other][1][axis][0]
                both = (ours > 0) & (theirs > 0)
                pairs = np.unique(np.stack([ours[both], theirs[both]], axis=1), axis=0)
                for one, two in pairs.tolist():
                    union.join(first[corner] + one - 1, first[other] + two - 1)
        return _regions([partial[each][0] for each in corners], union.roots(), axes)


def _label(above: Any, smooth: Any) -> tuple[Any, Any, Any]:
    """Labels from 1, the smoothed image beside them, and the library that both are of."""
    from jupyter_continuum.analysis.device import backend

    here = backend()
    if here.name == "cupy":
        import cupy
        from cupyx.scipy import ndimage

        return ndimage.label(above)[0], smooth, cupy
    try:
        from scipy import ndimage
    except ImportError:
        raise need("scipy", "Labelling the objects of an image") from None
    above, smooth = here.to_host((above, smooth))
    return ndimage.label(above)[0], smooth, np


def _measure(lib: Any, labels: Any, smooth: Any, corner: tuple[int, ...]) -> dict[str, Any]:
    """Sums over the objects of a tile, in the image's own coordinates."""
    count = int(labels.max())
    where = lib.nonzero(labels)
    which = labels[where] - 1
    value = smooth[where].astype("float64")
    low = lib.full((count, labels.ndim), np.iinfo("int64").max, dtype="int64")
    high = lib.zeros((count, labels.ndim), dtype="int64")
    moments = []
    for axis, start in enumerate(corner):
        place = where[axis].astype("int64") + start
        lib.minimum.at(low[:, axis], which, place)
        lib.maximum.at(high[:, axis], which, place + 1)
        moments.append(lib.bincount(which, place.astype("float64"), count))
    highest = lib.full((count,), np.iinfo("int64").min, dtype="int64")
    lib.maximum.at(highest, which, _in_order(value.view("int64")))
    return {
        "area": lib.bincount(which, minlength=count).astype("int64"),
        "moments": lib.stack(moments, axis=1),
        "low": low,
        "high": high,
        "sum": lib.bincount(which, value, count),
        "highest": _in_order(highest).view("float64"),
    }


def _in_order(bits: Any) -> Any:
    """Integers in the order of the floats of these bits, and back; there is no NaN among them.

    CuPy 14 rounds float64 to float32 in ``maximum.at`` (``fmaxf`` in its atomics.cuh).
    """
    return bits ^ ((bits >> 63) & np.iinfo("int64").max)


def _sides(labels: Any) -> list[tuple[Any, Any]]:
    """Labels on the first and the last layer along each axis."""
    found = []
    for axis in range(labels.ndim):
        index: list[Any] = [slice(None)] * labels.ndim
        index[axis] = 0
        before = labels[tuple(index)].copy()
        index[axis] = -1
        found.append((before, labels[tuple(index)].copy()))
    return found


def _next(
    corners: list[tuple[int, ...]], corner: tuple[int, ...], axis: int
) -> tuple[int, ...] | None:
    """The tile that follows along ``axis``."""
    steps = sorted({each[axis] for each in corners})
    at = steps.index(corner[axis]) + 1
    if at == len(steps):
        return None
    return (*corner[:axis], steps[at], *corner[axis + 1 :])


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


def _regions(tables: list[dict[str, Any]], roots: np.ndarray, axes: int) -> Regions:
    """One row for each object, from rows for its parts."""
    parts = {name: np.concatenate([each[name] for each in tables]) for name in tables[0]}
    _, which = np.unique(roots, return_inverse=True)
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
    found = (area, moments / area[:, None], low, high, total / area, highest)
    return Regions(*(each[order] for each in found))
