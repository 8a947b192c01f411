"""Rolling anomalies of sensor series: values far from what their sensor did just before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.sums import floating
from jupyter_continuum.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class Alarms:
    """Values with a score beyond the threshold, by series and time. All arrays are (alarms,)."""

    series: np.ndarray
    time: np.ndarray
    """Index along the time axis."""
    value: np.ndarray
    score: np.ndarray
    scored: int
    """How many values had a score at all."""

    def plot(self, ax: Any = None) -> Any:
        """Alarms over time by series, coloured by score, on the axes that are returned."""
        from matplotlib import pyplot

        ax = ax or pyplot.figure().add_subplot()
        points = ax.scatter(self.time, self.series, c=self.score, cmap="coolwarm", s=12)
        ax.figure.colorbar(points, ax=ax, label="score")
        ax.set(xlabel="time index", ylabel="series")
        return ax


@dataclass(frozen=True, slots=True)
class RollingAnomalies(Analysis[tuple[Any, ...], Alarms]):
    """Values of series (series, time) that lie far from the mean of the ``window`` before them.

    The score is ``(value - mean) / deviation`` over the ``window`` values before, the value itself
    left out, with the sample's standard deviation. A NaN or an infinity has no score and is in no
    window, and a window with fewer than half its values (two at least) gives none. A deviation
    below what the type resolves at the mean (``eps * |mean|``) counts as that much, so a series
    that stood still gives large, finite scores.

    A window is the end of one block of ``window`` values and the start of the next. Both are
    summed in float64 about the mean of their own block, and combined as by Chan, Golub and LeVeque
    (doi:10.1080/00031305.1983.10483115). So an offset or a drift costs no digits, as it does with
    running sums: with values exact in float32 the variance is right to about
    ``window * 2.2e-16 * (spread of two blocks)**2``. A score has no unit, and neither has
    ``threshold``.

    AnalysisError for other than two axes, complex values, and a window of fewer than two values.
    """

    window: int
    threshold: float = 5.0

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        if len(shape) != 2:
            raise AnalysisError(f"Series have the shape (series, time), not {shape}.")
        if self.window < 2:
            raise AnalysisError(f"A window has 2 values or more, not {self.window}.")
        return Layout(axes=(0, 1), halo={1: (self.window, 0)}, working=20 * 8 / dtype.itemsize)

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        from jupyter_continuum.analysis.device import backend

        x = floating(xp, block)
        if backend().name == "cupy":
            return self._fused(x, chunk)
        score = self.scores(xp, x)[chunk.inner]
        scored = xp.sum(xp.astype(xp.isfinite(score), xp.int64))
        size = xp.where(xp.isfinite(score), xp.abs(score), xp.zeros_like(score))
        series, time = xp.nonzero(size > self.threshold)
        flat = series * score.shape[1] + time
        values = xp.astype(xp.reshape(x[chunk.inner], (-1,)), xp.float64)
        return (
            series + chunk.region[0].start,
            time + chunk.region[1].start,
            xp.take(values, flat),
            xp.take(xp.reshape(score, (-1,)), flat),
            scored,
        )

    def _fused(self, x: Any, chunk: Chunk) -> Any:
        """As `partial`, in one pass."""
        from jupyter_continuum.analysis.fused import rolling

        times = chunk.inner[1]
        place, score, scored = rolling(x, self.window, self.threshold, times, tiny=_TINY)
        series, time = place // x.shape[1], place % x.shape[1]
        value = x[series, time].astype("float64")
        first = chunk.region[1].start - times.start
        return series + chunk.region[0].start, time + first, value, score, scored

    def scores(self, xp: Any, x: Any) -> Any:
        """The score of every value (series, time) in float64, NaN where there is none."""
        series, length = x.shape
        w = self.window
        blocks = -(-length // w)
        pad = xp.full((series, blocks * w - length), xp.nan, dtype=xp.float64, device=x.device)
        full = xp.concat([xp.astype(x, xp.float64), pad], axis=1)
        full = xp.reshape(full, (series, blocks, w))
        good = xp.isfinite(full)
        one = xp.astype(good, xp.float64)
        n = xp.sum(one, axis=2, keepdims=True)
        centre = xp.sum(xp.where(good, full, xp.zeros_like(full)), axis=2, keepdims=True)
        centre = centre / xp.maximum(n, xp.ones_like(n))
        near = xp.where(good, full - centre, xp.zeros_like(full))
        start = [_before(xp, each) for each in (one, near, near * near)]
        whole = [xp.sum(each, axis=2, keepdims=True) for each in (one, near, near * near)]
        rest = [_late(xp, whole_ - start_) for whole_, start_ in zip(whole, start, strict=True)]
        count, mean, squares = _joined(xp, start, centre, rest, _late(xp, centre))
        least = max(2, -(-w // 2))
        enough = count >= least
        safe = xp.where(enough, count - 1, xp.ones_like(count))
        resolved = float(xp.finfo(x.dtype).eps) * xp.abs(mean)
        deviation = xp.maximum(xp.sqrt(squares / safe), resolved)
        deviation = xp.where(deviation > 0, deviation, xp.full_like(deviation, _TINY))
        score = xp.where(good & enough, (full - mean) / deviation, xp.full_like(full, xp.nan))
        return xp.reshape(score, (series, blocks * w))[:, :length]

    def combine(self, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
        pairs = zip(first[:4], second[:4], strict=True)
        return *(np.concatenate(pair) for pair in pairs), first[4] + second[4]

    def finalise(self, partial: tuple[Any, ...]) -> Alarms:
        series, time, value, score, scored = partial
        order = np.lexsort((time, series))
        return Alarms(series[order], time[order], value[order], score[order], int(scored))


_TINY = float(np.finfo(np.float32).tiny)
"""The deviation of a series of zeros; its scores are finite in float64."""


def _before(xp: Any, values: Any) -> Any:
    """Sums of what lies before each value in its block."""
    return xp.cumulative_sum(values, axis=2, include_initial=True)[:, :, :-1]


def _late(xp: Any, values: Any) -> Any:
    """Those of the block before; nothing before the first."""
    return xp.concat([xp.zeros_like(values[:, :1, :]), values[:, :-1, :]], axis=1)


def _joined(xp: Any, start: Any, here: Any, rest: Any, there: Any) -> tuple[Any, Any, Any]:
    """Count, mean and sum of squared deviations of two samples, from sums about their centres."""
    (n1, s1, q1), (n2, s2, q2) = start, rest
    one = xp.ones_like(n1)
    d1, d2 = s1 / xp.maximum(n1, one), s2 / xp.maximum(n2, one)
    count = n1 + n2
    gap = (there + d2) - (here + d1)
    mean = here + d1 + gap * n2 / xp.maximum(count, one)
    squares = (q1 - s1 * d1) + (q2 - s2 * d2) + gap * gap * (n1 * n2 / xp.maximum(count, one))
    return count, mean, xp.maximum(squares, xp.zeros_like(squares))
