"""Quantiles of all values, or of each cell of a field over time, with a stated error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.scan import Progress, run
from jupyter_continuum.analysis.sums import Span, add_pieces, binned_sum, floating, join, span
from jupyter_continuum.errors import AnalysisError

BINS = {False: 1 << 16, True: 1 << 10}
"""Of all values together, and of each cell."""
MOST_BINS = 1 << 20
"""Up to here the number of a bin is right to 1e-9 of a bin in float64."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """In the unit of the values; NaN where no value was finite, infinite beyond the span."""

    levels: tuple[float, ...]
    value: np.ndarray
    """(levels,) or (levels, \\*cells)."""
    error: float
    """No value is farther than this from one of the data: half a bin, and rounding."""
    count: np.ndarray
    """() or (\\*cells): finite values."""

    def to_xarray(self, like: Any) -> Any:
        """A DataArray with the coordinates of the field ``like``; ``quantile`` comes first."""
        import xarray as xr

        time, *cells = like.dims
        coordinates = {name: each for name, each in like.coords.items() if time not in each.dims}
        dims = ("quantile", *cells)[: self.value.ndim]
        if self.value.ndim == 1:
            coordinates = {}
        return xr.DataArray(
            self.value, dims=dims, coords={**coordinates, "quantile": list(self.levels)}
        )

    def plot(self, ax: Any = None) -> Any:
        """A map of the middle level, or values by level, on the axes that are returned."""
        from matplotlib import pyplot

        ax = ax or pyplot.figure().add_subplot()
        if self.value.ndim == 3:
            middle = len(self.levels) // 2
            image = ax.imshow(self.value[middle])
            ax.figure.colorbar(image, ax=ax, label=f"quantile {self.levels[middle]:g}")
        else:
            ax.plot(self.levels, self.value.reshape(len(self.levels), -1), marker="o")
            ax.set(xlabel="level", ylabel="value")
        return ax


@dataclass(frozen=True, slots=True)
class Histogram(Analysis[dict[Span, Any], Quantiles]):
    """Quantiles by counts in ``bins`` equal bins between ``low`` and ``high``; see `quantiles`."""

    levels: tuple[float, ...]
    low: float
    high: float
    bins: int
    per_cell: bool = False

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        if not self.levels or not all(0 <= level <= 1 for level in self.levels):
            raise AnalysisError(f"Levels lie between 0 and 1, not {self.levels}.")
        if not 0 < self.bins <= MOST_BINS:
            raise AnalysisError(f"There are 1 to {MOST_BINS} bins, not {self.bins}.")
        if not 0 < self.high - self.low < np.inf:
            raise AnalysisError(f"A span has an end above its start, not {self.low} {self.high}.")
        if not self.per_cell:
            return Layout(axes=tuple(range(len(shape))), working=7 * 8 / dtype.itemsize)
        # As many steps as bins: the counts of a chunk are no larger than its values in float64.
        step = {0: min(shape[0], self.bins + 2)}
        return Layout(axes=(*range(1, len(shape)), 0), step=step, working=10 * 8 / dtype.itemsize)

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        x = xp.astype(floating(xp, block), xp.float64)
        cells = [each.stop - each.start for each in chunk.region[1:]] if self.per_cell else []
        x = xp.reshape(x, (-1, int(np.prod(cells, dtype=np.int64))))
        good = xp.isfinite(x)
        x = xp.where(good, x, xp.full_like(x, self.low))
        at = xp.floor((x - self.low) * (self.bins / (self.high - self.low)))
        at = xp.clip(at, 0.0, float(self.bins - 1)) + 1
        at = xp.where(x < self.low, xp.zeros_like(at), at)
        at = xp.where(x > self.high, xp.full_like(at, self.bins + 1), at)
        column = xp.arange(x.shape[1], dtype=xp.int64, device=x.device)[None, :]
        flat = xp.reshape(xp.astype(at, xp.int64) * x.shape[1] + column, (-1,))
        weight = xp.reshape(xp.astype(good, xp.float64), (-1,))
        counts = binned_sum(xp, weight, flat, (self.bins + 2) * x.shape[1])
        counts = xp.reshape(xp.astype(counts, xp.int64), (self.bins + 2, *cells))
        return {span(chunk, *range(1, len(chunk.region))) if self.per_cell else (): counts}

    def combine(self, first: dict[Span, Any], second: dict[Span, Any]) -> dict[Span, Any]:
        return add_pieces(first, second, lambda one, two: one + two)

    def finalise(self, partial: dict[Span, Any]) -> Quantiles:
        counts = join(partial, leading=(self.bins + 2,)) if self.per_cell else partial[()]
        below = np.cumsum(counts, axis=0)
        count = below[-1]
        width = (self.high - self.low) / self.bins
        middle = self.low + (np.arange(self.bins) + 0.5) * width
        table = np.concatenate([[-np.inf], middle, [np.inf]])
        values = []
        for level in self.levels:
            index = np.maximum(np.ceil(count * level - 1), 0)  # NumPy's inverted_cdf, to the bit
            found = table[np.argmax(below > index, axis=0)]
            values.append(np.where(count > 0, found, np.nan))
        rounding = 4 * np.finfo("float64").eps * max(abs(self.low), abs(self.high))
        error = width / 2 * (1 + 2e-9) + rounding
        return Quantiles(self.levels, np.stack(values), float(error), np.asarray(count))


@dataclass(frozen=True, slots=True)
class _Extremes(Analysis[tuple[Any, Any], tuple[float, float]]):
    """The least and the greatest finite value; infinite the wrong way round where there is none."""

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        return Layout(axes=tuple(range(len(shape))), working=4 * max(1, 8 / dtype.itemsize))

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        x = floating(xp, block)
        good = xp.isfinite(x)
        least = xp.min(xp.where(good, x, xp.full_like(x, float("inf"))))
        most = xp.max(xp.where(good, x, xp.full_like(x, -float("inf"))))
        return xp.astype(least, xp.float64), xp.astype(most, xp.float64)

    def combine(self, first: tuple[Any, Any], second: tuple[Any, Any]) -> tuple[Any, Any]:
        return min(first[0], second[0]), max(first[1], second[1])

    def finalise(self, partial: tuple[Any, Any]) -> tuple[float, float]:
        return float(partial[0]), float(partial[1])


def quantiles(
    array: Any,
    levels: Sequence[float],
    *,
    per_cell: bool = False,
    span: tuple[float, float] | None = None,
    bins: int | None = None,
    client: Any = None,
    progress: Callable[[Progress], object] | None = None,
) -> Quantiles:
    """The values below which the shares ``levels`` of all finite values lie.

    With ``per_cell`` of each cell of a field (time, \\*cells) over time. A NaN or an infinity does
    not count. The quantile is the least value that at least this share does not exceed
    (``inverted_cdf``, the first of Hyndman and Fan 1996, doi:10.1080/00031305.1996.10473566);
    ``numpy.quantile`` interpolates between two values unless told otherwise.

    Values are counted in ``bins`` equal bins of ``span``, and the middle of the bin that holds the
    quantile is given. Counts are exact and add up in any order, so the result is the same for every
    cut, and off by half a bin at most (and 4 float64 roundings of the ends): ``span / 131072`` for
    all values, ``span / 2048`` per cell unless ``bins`` says otherwise. Without ``span`` the
    extremes of the array are found first, in one more pass; a few far values then make the bins
    wide. What falls beyond a given span is infinite, and still counts. ``progress`` is told of each
    pass.

    AnalysisError for levels beyond 0 and 1, for a span without an end above its start, for more
    than 2**20 bins, for complex values, and without a span where no value is finite.

    >>> found = quantiles(np.arange(1001.0), [0.5, 0.9])
    >>> bool((abs(found.value - [500, 900]) <= found.error).all())
    True
    """
    if span is None:
        low, high = run(_Extremes(), array, client=client, progress=progress)
        if low > high:
            raise AnalysisError("No value is finite: there are no quantiles.")
    else:
        low, high = span
    number = BINS[per_cell] if bins is None else bins
    if span is None:  # where all values are alike
        high = max(high, low + number * float(np.spacing(max(abs(low), abs(high)))))
    analysis = Histogram(tuple(map(float, levels)), low, high, number, per_cell)
    return run(analysis, array, client=client, progress=progress)
