"""The rows of `gpu.py`: what is computed, plainly, with stock Dask, and by our analyses.

``plain`` is what a person writes for one array that fits the device: functions of the standard,
in the array's own precision, without care for offsets. ``stock`` is the same in operations of
dask.array over chunks of the library. ``check`` holds our result against NumPy in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.anomalies import RollingAnomalies
from jupyter_continuum.analysis.climate import ClimateStatistics, calendar
from jupyter_continuum.analysis.clusters import k_means
from jupyter_continuum.analysis.components import PrincipalComponents
from jupyter_continuum.analysis.cuts import Layout
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.segmentation import Segmentation
from jupyter_continuum.analysis.spectra import RadialSpectrum

Shape = tuple[int, ...]
WINDOW, BEYOND = 256, 6.0
CLUSTERS, FEATURES, ITERATIONS = 32, 16, 20
BLUR, ABOVE = 2.0, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    title: str
    passes: float
    """Bytes that must be read and written at least, in sizes of the input."""
    shape: Callable[[int], Shape]
    """For so many bytes of float32."""
    fill: Callable[[np.random.Generator, Shape], np.ndarray]
    plain: Callable[[Any, Any], Any]  # (xp, array) -> arrays of the library
    stock: Callable[[Any], Any] | None  # Dask array -> arrays; None: stock Dask has no such
    analysis: Callable[[Shape], Analysis[Any, Any]]
    check: Callable[[np.ndarray, Any], float]
    """(float64 array, our result) -> the largest error over the largest value."""
    iterations: int = 0
    """With k-means: how often its analysis runs."""
    across: int = 0
    """The axis along which each core of NumPy takes a piece."""
    stored: bool = False
    """Whether it is read from a zarr store too."""
    share: float = 1.0
    """Of the size that was asked for, where plain arrays need many temporaries."""


def normal(random: np.random.Generator, shape: Shape) -> np.ndarray:
    return random.standard_normal(shape, dtype="float32")


def apart(found: Any, wanted: Any) -> float:
    wanted = np.asarray(wanted, dtype="float64")
    return float(np.max(np.abs(np.asarray(found) - wanted)) / max(np.max(np.abs(wanted)), 1e-300))


# R1: objects in an image ----------------------------------------------------------------


def blobs(random: np.random.Generator, shape: Shape) -> np.ndarray:
    image = random.random(shape, dtype="float32")
    image[::37, ::41] += 30
    return image


def label_plainly(xp: Any, x: Any) -> Any:
    if xp.__name__.endswith("cupy"):
        from cupyx.scipy import ndimage
    elif isinstance(x, np.ndarray):
        from scipy import ndimage
    else:
        raise NotImplementedError(f"{xp.__name__} labels nothing")
    smooth = ndimage.gaussian_filter(x, BLUR)
    labels, count = ndimage.label(smooth > ABOVE)
    return ndimage.sum(smooth, labels, xp.arange(1, int(count) + 1))


# R2: spectra of images ------------------------------------------------------------------


def spectrum_plainly(xp: Any, x: Any) -> Any:
    found = xp.fft.rfftn(x, axes=(1, 2))
    return xp.mean(xp.real(found) ** 2 + xp.imag(found) ** 2, axis=0)


def spectrum_of_dask(x: Any) -> Any:
    import dask.array as da

    found = da.fft.rfft2(x, axes=(1, 2))
    return (found.real**2 + found.imag**2).mean(axis=0).compute()


def check_spectrum(x: np.ndarray, found: Any) -> float:
    """By Parseval: all power of the rings that are complete, against a sum over them."""
    power = spectrum_plainly(np, x)
    rows, columns = x.shape[1:]
    down, along = np.fft.fftfreq(rows)[:, None] * rows, np.arange(power.shape[1])[None, :]
    ring = np.round(np.hypot(down, along)).astype(int).ravel()
    twice = (np.where((along == 0) | (along == rows // 2), 1.0, 2.0) + 0 * down).ravel()
    rings = np.bincount(ring, power.ravel() * twice) / np.bincount(ring, twice)
    return apart(found.density, rings[: len(found.density)] / (rows * columns))


# R3: covariance -------------------------------------------------------------------------


def gram_plainly(xp: Any, x: Any) -> Any:
    near = x - xp.mean(x, axis=0)
    return near.T @ near / (x.shape[0] - 1)


def gram_of_dask(x: Any) -> Any:
    return gram_plainly(np, x).compute()


def check_gram(x: np.ndarray, found: Any) -> float:
    return apart((found.directions.T * found.variance) @ found.directions, gram_plainly(np, x))


def gram(features: int) -> Row:
    return Row(
        name=f"R3 p={features}",
        title="covariance and its eigenvectors",
        passes=1,
        shape=lambda size: (max(4 * features, size // (4 * features)), features),
        fill=normal,
        plain=gram_plainly,
        stock=gram_of_dask,
        analysis=lambda shape: PrincipalComponents(shape[1]),
        check=check_gram,
    )


# R4: k-means ----------------------------------------------------------------------------


def samples(random: np.random.Generator, shape: Shape) -> np.ndarray:
    centres = 10 * random.standard_normal((CLUSTERS, shape[1]), dtype="float32")
    return centres[random.integers(CLUSTERS, size=shape[0])] + normal(random, shape)


def lloyd_plainly(xp: Any, x: Any) -> Any:
    c = xp.asarray(x[:CLUSTERS, :], copy=True)
    number = xp.arange(CLUSTERS, device=x.device)[None, :]
    for _ in range(ITERATIONS):
        near = xp.argmin(xp.sum(c * c, axis=1)[None, :] - 2 * (x @ c.T), axis=1)
        mine = xp.astype(xp.astype(near, number.dtype)[:, None] == number, x.dtype)
        counts = xp.sum(mine, axis=0)
        c = (mine.T @ x) / xp.maximum(counts, xp.ones_like(counts))[:, None]
    return c


def lloyd_of_dask(x: Any) -> Any:
    import dask

    c = x[:CLUSTERS].compute()
    for _ in range(ITERATIONS):
        near = ((c * c).sum(axis=1)[None, :] - 2 * (x @ c.T)).argmin(axis=1)
        mine = near[:, None].map_blocks(one_hot, chunks=(x.chunks[0], (CLUSTERS,)), dtype=x.dtype)
        counts, sums = dask.compute(mine.sum(axis=0), mine.T @ x)
        c = sums / np.maximum(counts, 1)[:, None]
    return c


def one_hot(near: Any) -> Any:
    return (near == np.arange(CLUSTERS, like=near)).astype("float32")


def lloyd(source: Any, client: Any) -> Any:
    """As many passes as above: a fall of the inertia by less than nothing ends it."""
    return k_means(source, CLUSTERS, iterations=ITERATIONS - 1, tolerance=-1, client=client)


def check_lloyd(x: np.ndarray, found: Any) -> float:
    """Of the inertia about the centres that were found."""
    squares = np.sum(found.centres**2, axis=1)[None, :] - 2 * (x @ found.centres.T)
    near = found.centres[np.argmin(squares, axis=1)]
    return apart(found.inertia, np.sum((x - near) ** 2))


# R5: rolling anomalies ------------------------------------------------------------------


class AlongSeries(RollingAnomalies):
    """Cut between series alone: chunks need no neighbours, and can be kept on a device."""

    __slots__ = ()

    def layout(self, shape: Shape, dtype: np.dtype[Any]) -> Layout:
        found = RollingAnomalies.layout(self, shape, dtype)
        return Layout(axes=(0,), working=found.working)


def spikes(random: np.random.Generator, shape: Shape) -> np.ndarray:
    series = normal(random, shape)
    series[:, WINDOW + 17 :: 4099] += 20
    return series


def alarms_plainly(xp: Any, x: Any) -> Any:
    x = xp.astype(x, xp.float64)
    zero = xp.zeros_like(x[:, :1])
    one = xp.concat([zero, xp.cumulative_sum(x, axis=1)], axis=1)
    two = xp.concat([zero, xp.cumulative_sum(x * x, axis=1)], axis=1)
    return xp.sum(xp.astype(is_alarm(xp, x, one, two), xp.int64))


def alarms_of_dask(x: Any) -> Any:
    x = x.astype("float64")
    one, two = (np.cumsum(each, axis=1) for each in (x, x * x))
    zero = x[:, :1] * 0
    one, two = (np.concatenate([zero, each], axis=1).rechunk({1: -1}) for each in (one, two))
    return is_alarm(np, x, one, two).sum().compute()


def is_alarm(xp: Any, x: Any, one: Any, two: Any) -> Any:
    mean = (one[:, WINDOW:-1] - one[:, : -WINDOW - 1]) / WINDOW
    square = (two[:, WINDOW:-1] - two[:, : -WINDOW - 1]) / WINDOW
    deviation = xp.sqrt((square - mean * mean) * (WINDOW / (WINDOW - 1)))
    return xp.abs(x[:, WINDOW:] - mean) > BEYOND * deviation


def check_alarms(x: np.ndarray, found: Any) -> float:
    """Of the number of alarms; the first window has scores with ours, and none plainly."""
    return apart(np.count_nonzero(found.time >= WINDOW), alarms_plainly(_numpy(), x))


# R6: climate ----------------------------------------------------------------------------


def days(number: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    return calendar(np.datetime64("1980-01-01") + np.arange(number))


def field(random: np.random.Generator, shape: Shape) -> np.ndarray:
    values = 280 + 10 * normal(random, shape)
    values[random.random(shape, dtype="float32") < 0.1] = np.nan
    return values


def means_plainly(xp: Any, x: Any) -> Any:
    months = np.array(days(x.shape[0])[0])
    found = []
    for month in range(1, 13):
        at = xp.asarray(np.flatnonzero(months == month).tolist(), device=x.device)
        part = xp.take(x, at, axis=0)
        good = ~xp.isnan(part)
        total = xp.sum(xp.where(good, part, xp.zeros_like(part)), axis=0)
        found.append(total / xp.sum(xp.astype(good, x.dtype), axis=0))
    return xp.stack(found)


def means_of_dask(x: Any) -> Any:
    import dask
    import dask.array as da

    months = np.array(days(x.shape[0])[0])
    return dask.compute(
        *(da.nanmean(x[np.flatnonzero(months == month)], axis=0) for month in range(1, 13))
    )


def check_means(x: np.ndarray, found: Any) -> float:
    return apart(np.nan_to_num(found.mean), np.nan_to_num(means_plainly(_numpy(), x)))


def _numpy() -> Any:
    from array_api_compat import numpy

    return numpy


ROWS = (
    Row(
        name="R1",
        title="smooth, threshold, label, measure",
        passes=2,
        shape=lambda size: (side := max(64, int((size / 4) ** 0.5)), side),
        fill=blobs,
        plain=label_plainly,
        stock=None,
        analysis=lambda _: Segmentation(threshold=ABOVE, sigma=BLUR),
        check=lambda x, found: apart(len(found.area), len(label_plainly(np, x))),
        share=0.25,
    ),
    Row(
        name="R2",
        title="radial power spectrum of images",
        passes=5,
        shape=lambda size: (
            max(2, size // (4 * (n := 64 if size < 1 << 24 else 2048) ** 2)),
            n,
            n,
        ),
        fill=normal,
        plain=spectrum_plainly,
        stock=spectrum_of_dask,
        analysis=lambda _: RadialSpectrum(),
        check=check_spectrum,
    ),
    *map(gram, (16, 64, 512)),
    Row(
        name="R4",
        title=f"k-means, {ITERATIONS} iterations, k={CLUSTERS}, d={FEATURES}",
        passes=ITERATIONS,
        shape=lambda size: (max(64 * CLUSTERS, size // (4 * FEATURES)), FEATURES),
        fill=samples,
        plain=lloyd_plainly,
        stock=lloyd_of_dask,
        analysis=lambda shape: PrincipalComponents(1),  # cut alike, along samples
        check=check_lloyd,
        iterations=ITERATIONS,
    ),
    Row(
        name="R5",
        title=f"rolling z-score, window {WINDOW}",
        passes=1,
        shape=lambda size: (
            max(2, size // (4 * (n := 4096 if size < 1 << 24 else 1 << 20))),
            n,
        ),
        fill=spikes,
        plain=alarms_plainly,
        stock=alarms_of_dask,
        analysis=lambda _: AlongSeries(window=WINDOW, threshold=BEYOND),
        check=check_alarms,
        share=0.5,
    ),
    Row(
        name="R6",
        title="monthly climatology and trend, 10 % NaN",
        passes=1,
        shape=lambda size: (
            n := 400 if size < 1 << 24 else 14610,
            max(2, size // (4 * n * 32)),
            32,
        ),
        fill=field,
        plain=means_plainly,
        stock=means_of_dask,
        analysis=lambda shape: ClimateStatistics(*days(shape[0])),
        across=1,  # each has every month
        stored=True,
        check=check_means,
    ),
)
