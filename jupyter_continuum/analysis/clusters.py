"""k-means over samples that stay on the devices from one iteration to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.draws import uniforms
from jupyter_continuum.analysis.fused import lloyd, lloyd_fits
from jupyter_continuum.analysis.keeping import keep
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.scan import run
from jupyter_continuum.analysis.sums import floating
from jupyter_continuum.errors import AnalysisError

SAMPLED = 64
"""Samples for each cluster that the first centres are chosen among."""


@dataclass(frozen=True, slots=True)
class Clusters:
    centres: np.ndarray
    """(clusters, features), float64."""
    counts: np.ndarray
    """(clusters,): samples that are nearest to each centre."""
    inertia: float
    """The sum of squared distances of the samples to their centres."""
    history: tuple[float, ...]
    """The inertia before each iteration."""
    converged: bool

    def nearest(self, samples: Any) -> np.ndarray:
        """The cluster (n,) of samples (n, features)."""
        x = np.asarray(samples)[:, None, :]
        found: np.ndarray = np.argmin(((x - self.centres) ** 2).sum(axis=2), axis=1)
        return found

    def plot(self, ax: Any = None) -> Any:
        """The inertia by iteration, on the axes that are returned."""
        from matplotlib import pyplot

        ax = ax or pyplot.figure().add_subplot()
        ax.plot(self.history, marker="o")
        ax.set(xlabel="iteration", ylabel="inertia")
        return ax


def k_means(
    samples: Any,
    number: int,
    *,
    seed: int = 0,
    iterations: int = 100,
    tolerance: float = 1e-6,
    client: Any = None,
    progress: Callable[[int, float], object] | None = None,
) -> Clusters:
    """``number`` clusters of samples (samples, features), by Lloyd's iteration.

    Lloyd 1982, doi:10.1109/TIT.1982.1056489; the first centres by k-means++ (Arthur and
    Vassilvitskii 2007) among 64 random samples a cluster, the same for the same seed however the
    array is cut. Each chunk is uploaded once and stays on its device. It ends when the inertia
    falls by less than ``tolerance`` of itself. A cluster that lost all its samples moves to the
    sample that is farthest from its centre. ``progress(iteration, inertia)`` is called for each.

    A sample with a NaN or an infinity counts for nothing; `Clusters.nearest` wants none.
    Distances are computed about the mean of the centres, in the samples' precision: samples whose
    distances to two centres differ by less than some ``eps * features`` of the spread squared may
    go to either. Sums are float64, so centres are right to the samples' own precision; inertia is
    in the samples' unit squared.

    AnalysisError for other than two axes, complex values, more clusters than samples, and where
    every sample has a NaN or an infinity.
    """
    kept = keep(_Step(((0.0,),)), samples, client=client)
    if not 0 < number <= kept.shape[0]:
        raise AnalysisError(
            f"{kept.shape[0]} samples have 1 to {kept.shape[0]} clusters, not {number}."
        )
    some = run(_Some(SAMPLED * number, seed), kept, client=client)
    centres = _plus_plus(some, number, np.random.default_rng(seed))
    history: list[float] = []
    for iteration in range(iterations + 1):
        sums, counts, inertia, far = run(_Step(_rows(centres)), kept, client=client)
        history.append(inertia)
        if progress:
            progress(iteration, inertia)
        converged = len(history) > 1 and history[-2] - inertia <= tolerance * history[-2]
        if (converged and counts.all()) or iteration == iterations:
            break
        centres = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
        if not counts.all():
            centres[np.argmin(counts)] = far  # one at a time: the same sample would serve twice
    return Clusters(centres, counts, inertia, tuple(history), bool(converged))


def _rows(centres: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, centres.tolist()))


def _plus_plus(some: np.ndarray, number: int, random: np.random.Generator) -> np.ndarray:
    """Samples far from each other: each next one with a chance by its squared distance."""
    if len(some) == 0:
        raise AnalysisError("Every sample has a NaN or an infinity: there is nothing to cluster.")
    centres = [some[random.integers(len(some))]]
    distance = np.full(len(some), np.inf)
    for _ in range(number - 1):
        distance = np.minimum(distance, ((some - centres[-1]) ** 2).sum(axis=1))
        total = distance.sum()
        chance = distance / total if total else None  # all samples are alike
        centres.append(some[random.choice(len(some), p=chance)])
    return np.array(centres)


def _layout(shape: tuple[int, ...], dtype: np.dtype[Any], number: int) -> Layout:
    if len(shape) != 2:
        raise AnalysisError(f"Samples have the shape (samples, features), not {shape}.")
    wide = max(1, 8 // dtype.itemsize) * (2 + 2 * number / shape[1])
    return Layout(axes=(0,), working=max(4, wide))


@dataclass(frozen=True, slots=True)
class _Step(Analysis[tuple[Any, ...], tuple[Any, ...]]):
    """One iteration: sums and counts of each cluster, the inertia, and the farthest sample."""

    centres: tuple[tuple[float, ...], ...]

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        return _layout(shape, dtype, max(64, len(self.centres)))

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        from jupyter_continuum.analysis.device import backend

        x = floating(xp, block)
        centres = np.array(self.centres)
        middle = centres.mean(axis=0).astype(backend().dtype_of(x))
        shift = backend().put(middle)
        c = xp.astype(backend().put(centres - middle), x.dtype)
        if backend().name == "cupy" and lloyd_fits(len(centres), x.shape[1], x.dtype.itemsize):
            sums, counts, inertia, most, far = lloyd(x, c, shift)
            sums = sums + counts[:, None] * xp.astype(shift, xp.float64)[None, :]
            return sums, counts, inertia, most, xp.astype(block[int(far), :], xp.float64)
        good = xp.all(xp.isfinite(x), axis=1)
        x = xp.where(good[:, None], x - shift, xp.zeros_like(x))
        part = xp.sum(c * c, axis=1)[None, :] - 2 * (x @ c.T)  # without |x|**2, the same for all
        nearest = xp.argmin(part, axis=1)
        number = xp.arange(c.shape[0], dtype=nearest.dtype, device=x.device)
        mine = xp.astype((nearest[:, None] == number[None, :]) & good[:, None], xp.float64)
        wide = xp.astype(x, xp.float64)
        left = wide - xp.take(xp.astype(c, xp.float64), nearest, axis=0)
        distance = xp.where(good, xp.sum(left * left, axis=1), -xp.ones_like(wide[:, 0]))
        counts = xp.sum(mine, axis=0)
        sums = mine.T @ wide + counts[:, None] * xp.astype(shift, xp.float64)[None, :]
        far = int(xp.argmax(distance))
        inertia = xp.sum(xp.where(good, distance, xp.zeros_like(distance)))
        farthest = xp.astype(block[far, :], xp.float64)
        return sums, counts, inertia, xp.max(distance), farthest

    def combine(self, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
        added = (one + two for one, two in zip(first[:3], second[:3], strict=True))
        far = first if first[3] >= second[3] else second
        return (*added, *far[3:])

    def finalise(self, partial: tuple[Any, ...]) -> tuple[Any, ...]:
        sums, counts, inertia, _, far = partial
        return sums, counts.astype("int64"), float(inertia), far


@dataclass(frozen=True, slots=True)
class _Some(Analysis[tuple[Any, ...], np.ndarray]):
    """``number`` random samples: those whose number is hashed lowest, however it is cut."""

    number: int
    seed: int

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        return _layout(shape, dtype, 1)

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        x = floating(xp, block)
        rows = xp.arange(
            chunk.region[0].start, chunk.region[0].stop, dtype=xp.int64, device=x.device
        )
        chance = uniforms(xp, self.seed, rows, 1)[:, 0]
        good = xp.all(xp.isfinite(x), axis=1)
        chance = xp.where(good, chance, 2 * xp.ones_like(chance))
        lowest = xp.argsort(chance)[: min(self.number, x.shape[0])]
        return xp.take(chance, lowest), xp.astype(xp.take(x, lowest, axis=0), xp.float64)

    def combine(self, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
        chance = np.concatenate([first[0], second[0]])
        lowest = np.argsort(chance, kind="stable")[: self.number]
        return chance[lowest], np.concatenate([first[1], second[1]])[lowest]

    def finalise(self, partial: tuple[Any, ...]) -> np.ndarray:
        chance, rows = partial
        good: np.ndarray = rows[chance < 1]
        return good
