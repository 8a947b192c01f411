"""Monte Carlo: the mean of a function of random numbers, with its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.draws import uniforms
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.scan import Progress, run
from jupyter_continuum.errors import AnalysisError

Sample = Callable[[Any, Any], Any]
"""``sample(xp, uniforms)``: of uniforms (n, dimensions) in (0, 1), values (n,) or (n, outputs)."""
PER_CHUNK = 1 << 20
"""Draws of one task; the same everywhere, so that sums are rounded alike whoever computes."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of each output; arrays are (outputs,)."""

    mean: np.ndarray
    error: np.ndarray
    """The standard error of the mean."""
    deviation: np.ndarray
    """The standard deviation of one value."""
    lowest: np.ndarray
    highest: np.ndarray
    draws: int
    means: np.ndarray
    """(chunks, outputs): the mean of each chunk, in order."""
    counts: np.ndarray
    """(chunks,): the draws of each chunk."""

    def plot(self, ax: Any = None, *, output: int = 0) -> Any:
        """The mean so far against the draws, with two standard errors, on the returned axes."""
        from matplotlib import pyplot

        ax = ax or pyplot.figure().add_subplot()
        draws = np.cumsum(self.counts)
        mean = np.cumsum(self.means[:, output] * self.counts) / draws
        error = 2 * self.deviation[output] / np.sqrt(draws)
        ax.fill_between(draws, mean - error, mean + error, alpha=0.3)
        ax.plot(draws, mean)
        ax.set(xlabel="draws", ylabel="mean and two standard errors")
        return ax


@dataclass(frozen=True, slots=True)
class Counter:
    """The numbers of the draws: what a run reads in place of an array."""

    draws: int
    blocks: None = None
    settled: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.draws,)

    @property
    def dtype(self) -> Any:
        return np.dtype("int64")

    def part(self, chunk: Chunk) -> None:
        """Nothing travels: a worker counts by itself."""


@dataclass(frozen=True, slots=True)
class MonteCarlo(Analysis[tuple[Any, ...], Estimate]):
    """See `monte_carlo`."""

    sample: Sample
    dimensions: int = 1
    seed: int = 0
    per_chunk: int = PER_CHUNK

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        if not 0 < self.dimensions < 1 << 16:
            raise AnalysisError(f"A draw has 1 to 65535 dimensions, not {self.dimensions}.")
        if shape[0] > 1 << 48:
            raise AnalysisError(f"There are 2**48 draws to a seed, and {shape[0]} are asked for.")
        return Layout(axes=(0,), length={0: self.per_chunk}, working=16 * self.dimensions)

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        from jupyter_continuum.analysis.device import backend

        numbers = backend().put(np.arange(chunk.region[0].start, chunk.region[0].stop))
        drawn = uniforms(xp, self.seed, numbers, self.dimensions)
        values = xp.astype(self.sample(xp, drawn), xp.float64)
        if values.ndim == 1:
            values = values[:, None]
        count = numbers.shape[0]
        if values.ndim != 2 or values.shape[0] != count:
            raise AnalysisError(
                f"The sample function gave {tuple(values.shape)} for {count} draws: "
                f"it must give ({count},) or ({count}, outputs)."
            )
        mean = xp.mean(values, axis=0)
        squares = xp.sum((values - mean[None, :]) ** 2, axis=0)
        lowest, highest = xp.min(values, axis=0), xp.max(values, axis=0)
        return count, mean, squares, lowest, highest, mean[None, :], [count]

    def combine(self, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
        """Chan, Golub and LeVeque, doi:10.1080/00031305.1983.10483115."""
        n1, m1, q1, low1, high1, means1, counts1 = first
        n2, m2, q2, low2, high2, means2, counts2 = second
        count, gap = n1 + n2, m2 - m1
        return (
            count,
            m1 + gap * (n2 / count),
            q1 + q2 + gap * gap * (n1 * n2 / count),
            np.minimum(low1, low2),
            np.maximum(high1, high2),
            np.concatenate([means1, means2]),
            counts1 + counts2,
        )

    def finalise(self, partial: tuple[Any, ...]) -> Estimate:
        count, mean, squares, lowest, highest, means, counts = partial
        deviation = np.sqrt(squares / (count - 1)) if count > 1 else np.full_like(mean, np.nan)
        error = deviation / math.sqrt(count)
        return Estimate(mean, error, deviation, lowest, highest, count, means, np.asarray(counts))


def monte_carlo(
    sample: Sample,
    draws: int,
    *,
    dimensions: int = 1,
    seed: int = 0,
    client: Any = None,
    progress: Callable[[Progress], object] | None = None,
) -> Estimate:
    """Mean, error and spread of ``sample(xp, uniforms)`` over ``draws`` draws.

    ``sample`` is given uniforms (n, dimensions) in (0, 1) on the device of the worker, and gives
    values (n,) or (n, outputs); `draws.normals` makes normal numbers of them. The same seed gives
    the same draws whatever workers there are, bit for bit on every library, and with workers of one
    library the same result. Between libraries it differs by the rounding of ``sample`` and of sums
    in float64, of about ``2e-16 * log2(draws)`` of the values. A NaN among the values is in the
    mean too. Results are in the unit of the values; the draws are Threefry's (see `draws`), and
    chunks are combined as by Chan, Golub and LeVeque.

    AnalysisError for no draws or more than 2**48, for no dimension or more than 65535, and for
    values of another shape.

    >>> found = monte_carlo(lambda xp, u: xp.sum(u * u, axis=1) < 1, 100_000, dimensions=2)
    >>> bool(abs(4 * found.mean[0] - 3.14159) < 4 * 3 * found.error[0])
    True
    """
    analysis = MonteCarlo(sample, dimensions, seed)
    return run(analysis, Counter(draws), client=client, progress=progress)
