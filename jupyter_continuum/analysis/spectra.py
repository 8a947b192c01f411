"""Power spectra: radially averaged ones of images, and Welch's of time series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.sums import Span, add_pieces, binned_sum, floating, span
from jupyter_continuum.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A power spectral density."""

    frequency: np.ndarray
    """(bins,); in cycles per unit of the spacing, or in Hz."""
    density: np.ndarray
    """(bins,) or (series, bins); see the analysis for its unit. NaN where nothing was counted."""
    used: np.ndarray
    """How many images, or segments of each series, went into it; those with a NaN did not."""

    def plot(self, ax: Any = None) -> Any:
        """Lines on doubly logarithmic axes, which are returned."""
        from matplotlib import pyplot

        ax = ax or pyplot.figure().add_subplot()
        ax.loglog(self.frequency[1:], np.atleast_2d(self.density)[:, 1:].T)
        ax.set(xlabel="frequency", ylabel="power spectral density")
        return ax


@dataclass(frozen=True, slots=True)
class RadialSpectrum(Analysis[tuple[Any, ...], Spectrum]):
    """Power spectral density of images (images, rows, columns), averaged over rings and images.

    Of an image in unit ``u`` with pixels of ``spacing``, the two-dimensional periodogram
    ``|FFT|**2 * spacing**2 / (rows * columns)`` in ``u**2 * spacing**2`` is averaged over all
    wave vectors whose length, in steps of ``1 / (shorter side)``, rounds to the same number, up
    to Nyquist's. Nothing is windowed, and the mean stays in the first ring. An image with a NaN
    or an infinity is left out.

    Computed in the images' own precision and summed in float64. An FFT of n points has a relative
    rms error of about ``0.6 * eps * log2(n)`` (Gentleman and Sande 1966,
    doi:10.1145/1464291.1464352) of the *largest* amplitudes: in float32 a ring is right to some
    1e-6 of the strongest one.

    AnalysisError for other than three axes, and for complex values.
    """

    spacing: float = 1.0

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        if len(shape) != 3:
            one = " One image is image[None]." if len(shape) == 2 else ""
            raise AnalysisError(f"Images have the shape (images, rows, columns), not {shape}.{one}")
        return Layout(axes=(0,), working=6)

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        images = floating(xp, block)
        good = xp.all(xp.isfinite(images), axis=(1, 2))
        images = xp.where(good[:, None, None], images, xp.zeros_like(images))
        _, rows, columns = images.shape
        found = xp.fft.rfftn(images, axes=(1, 2))
        power = xp.sum(xp.real(found) ** 2 + xp.imag(found) ** 2, axis=0, dtype=xp.float64)
        ring, twice = _rings(xp, rows, columns, power.device)
        count = min(rows, columns) // 2 + 1
        sums = binned_sum(xp, xp.reshape(power * twice, (-1,)), ring, count + 1)
        number = binned_sum(xp, xp.reshape(twice, (-1,)), ring, count + 1)
        return sums[:count], number[:count], xp.sum(xp.astype(good, xp.int64)), rows, columns

    def combine(self, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
        return first[0] + second[0], first[1], first[2] + second[2], *first[3:]

    def finalise(self, partial: tuple[Any, ...]) -> Spectrum:
        sums, number, used, rows, columns = partial
        with np.errstate(invalid="ignore", divide="ignore"):
            density = sums / (number * used) * self.spacing**2 / (rows * columns)
        frequency = np.arange(len(sums)) / (min(rows, columns) * self.spacing)
        return Spectrum(frequency, density, np.asarray(used))


def _rings(xp: Any, rows: int, columns: int, device: Any) -> tuple[Any, Any]:
    """Ring of each value of `rfftn`, those beyond the last in one more, and how often it counts."""
    shorter = min(rows, columns)
    down = xp.fft.fftfreq(rows, device=device)[:, None]
    along = xp.fft.rfftfreq(columns, device=device)[None, :]
    down, along = xp.astype(down, xp.float64), xp.astype(along, xp.float64)
    number = xp.round(xp.sqrt(down**2 + along**2) * shorter)
    last = xp.full_like(number, shorter // 2 + 1)
    ring = xp.reshape(xp.astype(xp.minimum(number, last), xp.int64), (-1,))
    alone = (along == 0) | (along == 0.5)  # no mirror image among the columns left out
    once = xp.where(alone, xp.ones_like(along), 2 * xp.ones_like(along))
    return ring, xp.zeros_like(number) + once


@dataclass(frozen=True, slots=True)
class Welch(Analysis[dict[Span, Any], Spectrum]):
    """Power spectral density of series (series, time) by averaged periodograms.

    Welch 1967, doi:10.1109/TAU.1967.1161901, with Hann's window, segments that overlap by half,
    and the mean of each segment taken away: what ``scipy.signal.welch`` does unless told
    otherwise. ``rate`` is in Hz, the density in ``u**2 / Hz`` and one-sided. Values after the last
    whole segment are not used, nor is a segment with a NaN or an infinity.

    Segments are transformed in the series' own precision and summed in float64: as with
    `RadialSpectrum`, float32 is right to some 1e-6 of a series' strongest frequency.

    AnalysisError for other than two axes, complex values, a segment of odd length, and series
    shorter than one segment.
    """

    rate: float
    segment: int = 256

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        if len(shape) != 2:
            raise AnalysisError(f"Series have the shape (series, time), not {shape}.")
        if self.segment < 2 or self.segment % 2:
            raise AnalysisError(f"A segment has an even length of 2 or more, not {self.segment}.")
        if shape[1] < self.segment:
            raise AnalysisError(
                f"The series have {shape[1]} values, fewer than one segment of {self.segment}."
            )
        half = self.segment // 2
        return Layout(axes=(0, 1), halo={1: (0, half)}, step={1: half}, working=10)

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        series = floating(xp, block)
        half = self.segment // 2
        starts = range(
            0,
            min(chunk.region[1].stop - chunk.region[1].start, series.shape[1] - self.segment + 1),
            half,
        )
        frequencies = half + 1
        sums = xp.zeros((series.shape[0], frequencies), dtype=xp.float64, device=series.device)
        used = xp.zeros((series.shape[0],), dtype=xp.int64, device=series.device)
        for first in (0, half):  # segments side by side, then those between them
            number = len([start for start in starts if start % self.segment == first])
            if not number:
                continue
            part = series[:, first : first + number * self.segment]
            density, good = self._periodograms(
                xp, xp.reshape(part, (series.shape[0], number, self.segment))
            )
            sums = sums + xp.sum(density, axis=1, dtype=xp.float64)
            used = used + xp.sum(xp.astype(good, xp.int64), axis=1)
        return {span(chunk, 0): (sums, used)}

    def _periodograms(self, xp: Any, segments: Any) -> tuple[Any, Any]:
        good = xp.all(xp.isfinite(segments), axis=2)
        segments = xp.where(good[:, :, None], segments, xp.zeros_like(segments))
        segments = segments - xp.mean(segments, axis=2, keepdims=True)
        at = xp.arange(self.segment, dtype=segments.dtype, device=segments.device)
        window = 0.5 - 0.5 * xp.cos(at * (2 * np.pi / self.segment))
        found = xp.fft.rfft(segments * window, axis=2)
        return xp.real(found) ** 2 + xp.imag(found) ** 2, good

    def combine(self, first: dict[Span, Any], second: dict[Span, Any]) -> dict[Span, Any]:
        return add_pieces(first, second, lambda a, b: (a[0] + b[0], a[1] + b[1]))

    def finalise(self, partial: dict[Span, Any]) -> Spectrum:
        sums = np.concatenate([partial[cells][0] for cells in sorted(partial)])
        used = np.concatenate([partial[cells][1] for cells in sorted(partial)])
        # The sum of the squares of Hann's window is 3/8 of its length; both signs of a frequency
        # count, but zero and Nyquist's have one.
        sums[:, 1:-1] *= 2
        with np.errstate(invalid="ignore", divide="ignore"):
            density = sums / (used[:, None] * (self.rate * self.segment * 3 / 8))
        frequency = np.arange(sums.shape[1]) * (self.rate / self.segment)
        return Spectrum(frequency, density, used)
