"""Principal components of samples that no memory holds all of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.sums import floating
from jupyter_continuum.errors import AnalysisError

ROWS = 1 << 14
"""Rows whose products are added up in the samples' own precision."""


@dataclass(frozen=True, slots=True)
class Components:
    """The main directions of the samples, the strongest first."""

    mean: np.ndarray
    """(features,)"""
    directions: np.ndarray
    """(components, features), of length one; the largest entry of each is positive."""
    variance: np.ndarray
    """(components,): of the samples along each direction, with ``n - 1``."""
    share: np.ndarray
    """(components,): of the total variance."""
    used: int
    """Samples without NaN or infinity: those that count."""

    def transform(self, samples: Any) -> np.ndarray:
        """Coordinates (n, components) of samples (n, features)."""
        coordinates: np.ndarray = (np.asarray(samples) - self.mean) @ self.directions.T
        return coordinates

    def plot(self, ax: Any = None) -> Any:
        """Share of the variance by component, on the axes that are returned."""
        from matplotlib import pyplot

        ax = ax or pyplot.figure().add_subplot()
        ax.bar(np.arange(1, len(self.share) + 1), self.share)
        ax.set(xlabel="component", ylabel="share of the variance")
        return ax


@dataclass(frozen=True, slots=True)
class PrincipalComponents(Analysis[tuple[Any, ...], Components]):
    """The ``number`` strongest principal components of samples (samples, features).

    One pass: each chunk gives count, mean and products about its own mean, which are combined in
    float64 as by Chan, Golub and LeVeque (doi:10.1080/00031305.1983.10483115), so an offset of the
    data costs no digits. The eigenvectors of the covariance matrix (features, features) are found
    on the host by ``numpy.linalg.eigh``; that matrix has to fit there, and on a worker twice.

    Products are computed in the samples' precision and added up in float64 every 16384 rows. A
    sum of m products in float32 is wrong by some ``sqrt(m) * 6e-8`` of the product of the two
    deviations, here 8e-6: variances are right to that share of the *largest* variance, directions
    to that divided by the relative gap to the next variance (Davis and Kahan), means to the
    precision's eps of the deviation. Directions have no unit, variances the samples' squared.

    AnalysisError for other than two axes, more components than features, complex values, and fewer
    than two samples without a NaN.
    """

    number: int

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        if len(shape) != 2:
            raise AnalysisError(f"Samples have the shape (samples, features), not {shape}.")
        if not 0 < self.number <= shape[1]:
            raise AnalysisError(
                f"{shape[1]} features have 1 to {shape[1]} components, not {self.number}."
            )
        return Layout(axes=(0,), working=4 * max(1, 8 // dtype.itemsize))

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        x = floating(xp, block)
        good = xp.all(xp.isfinite(x), axis=1)
        x = xp.where(good[:, None], x, xp.zeros_like(x))
        count = xp.sum(xp.astype(good, xp.float64))
        some = xp.maximum(count, xp.ones_like(count))
        centre = xp.astype(xp.sum(x, axis=0, dtype=xp.float64) / some, x.dtype)
        near = xp.where(good[:, None], x - centre, xp.zeros_like(x))
        left = xp.sum(near, axis=0, dtype=xp.float64) / some  # what rounding the centre left
        products = xp.zeros((x.shape[1], x.shape[1]), dtype=xp.float64, device=x.device)
        for start in range(0, x.shape[0], ROWS):
            rows = near[start : min(start + ROWS, x.shape[0]), :]
            products = products + xp.astype(rows.T @ rows, xp.float64)
        products = products - count * left[:, None] * left[None, :]
        return count, xp.astype(centre, xp.float64) + left, products

    def combine(self, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
        (n1, m1, p1), (n2, m2, p2) = first, second
        count, gap = n1 + n2, m2 - m1
        share = n2 / max(count, 1)
        return count, m1 + gap * share, p1 + p2 + np.outer(gap, gap) * (n1 * share)

    def finalise(self, partial: tuple[Any, ...]) -> Components:
        count, mean, products = partial
        if count < 2:
            raise AnalysisError(f"{int(count)} samples are without NaN; components need two.")
        variance, vectors = np.linalg.eigh(products / (count - 1))
        variance, vectors = variance[::-1].clip(0), vectors[:, ::-1].T
        largest = np.take_along_axis(vectors, abs(vectors).argmax(1, keepdims=True), axis=1)
        directions = (vectors * np.where(largest < 0, -1, 1))[: self.number]
        total = variance.sum()
        share = variance[: self.number] / total if total else variance[: self.number]
        return Components(mean, directions, variance[: self.number], share, int(count))
