"""Objects in images that are larger than memory: smoothed, cut at a threshold, and measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.regions import Part, Regions, joined
from jupyter_continuum.analysis.sums import Span, floating, need, span
from jupyter_continuum.errors import AnalysisError

REACH = 4.0
"""Deviations of the Gaussian that count; beyond lies 6e-5 of it."""


@dataclass(frozen=True, slots=True)
class Segmentation(Analysis[dict[Span, Part], Regions]):
    """Connected regions above ``threshold`` in an image or volume smoothed by a Gaussian.

    ``sigma`` is in pixels, 0 for none; the kernel ends at 4 sigma and the image is mirrored at its
    edges, as in ``scipy.ndimage.gaussian_filter``. Pixels are of one object that touch by a side
    (``scipy.ndimage.label`` with its usual structure). A NaN spreads as far as the kernel reaches,
    and is in no object.

    Tiles see their neighbours as far as the kernel reaches, so smoothing does not know the cut.
    Each labels its own pixels and hands on its objects' sums and the labels on its sides; where two
    tiles have objects at the same place of their common side, those are one (union-find, on the
    host; Rosenfeld and Pfaltz 1966, doi:10.1145/321356.321357). Labelling is SciPy's, or CuPy's
    where a worker has it; with torch the smoothed tile is brought to the host for it.

    Smoothing is done in the image's precision. Along each axis it is a sum of ``8 * sigma + 1``
    products, each rounded twice, with weights that add up to one: a pixel whose smoothed value is
    within ``2 * axes * (8 * sigma + 1) * eps`` of the threshold, in sizes of the largest value near
    it, may fall to either side. Sums over objects are float64. Areas are in pixels, values in the
    image's unit.

    AnalysisError for other than two or three axes, complex values or a negative sigma, and where a
    worker has no SciPy.

    The result has the objects' properties; `label_image` and `write_labels` make the image of them.
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
        labels, smooth, lib = self.labels(xp, block, chunk)
        corner = tuple(each.start for each in chunk.region)
        measured = _measure(lib, labels, smooth, corner)
        return {span(chunk, *range(len(corner))): (measured, _sides(labels))}

    def labels(self, xp: Any, block: Any, chunk: Chunk) -> tuple[Any, Any, Any]:
        """Of the tile's own pixels: labels from 1, the smoothed image, and the library of both."""
        smooth = floating(xp, block)
        for axis in range(smooth.ndim):
            smooth = self._smooth(xp, smooth, axis)
        smooth = smooth[chunk.inner]
        return _label(smooth > self.threshold, smooth)

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

    def finalise(self, partial: dict[Span, Part]) -> Regions:
        return joined(self, partial)


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
