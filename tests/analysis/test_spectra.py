"""Power spectra against NumPy and SciPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from jupyter_continuum.analysis import run
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.device import use
from jupyter_continuum.analysis.spectra import RadialSpectrum, Welch
from jupyter_continuum.errors import AnalysisError

pytestmark = pytest.mark.usefixtures("small_chunks")

TOLERANCE = {"float64": 1e-12, "float32": 3e-6, "int16": 3e-6}
"""Of the strongest frequency: 0.6 * eps * log2(n) is 1e-15 and 7e-7 for these lengths, squared
amplitudes double it, and float32 windows and means add one eps each."""


def images(dtype: str, shape: tuple[int, int, int] = (9, 24, 30)) -> np.ndarray:
    return (np.random.default_rng(3).normal(size=shape) * 100 + 50).astype(dtype)


def reference(stack: np.ndarray, spacing: float) -> np.ndarray:
    """The full FFT, and a loop over the rings."""
    _, rows, columns = stack.shape
    power = np.mean(np.abs(np.fft.fft2(stack.astype("float64"))) ** 2, axis=0)
    length = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None, :])
    ring = np.round(length * min(rows, columns))
    rings = range(min(rows, columns) // 2 + 1)
    return np.array([power[ring == at].mean() for at in rings]) * spacing**2 / (rows * columns)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(9, 24, 30), (5, 31, 20), (3, 17, 17)])
def test_rings_are_those_of_the_full_transform(
    here: Backend, dtype: str, shape: tuple[int, int, int]
) -> None:
    stack = images(dtype, shape)
    found = run(RadialSpectrum(spacing=0.5), stack)
    wanted = reference(stack, 0.5)
    np.testing.assert_allclose(found.density, wanted, atol=TOLERANCE[dtype] * wanted.max(), rtol=0)
    assert found.frequency[1] == pytest.approx(1 / (min(shape[1:]) * 0.5))
    assert found.used == shape[0]


def test_a_wave_is_in_its_ring(here: Backend) -> None:
    along = np.cos(2 * np.pi * 4 * np.arange(32) / 32)
    found = run(RadialSpectrum(), np.broadcast_to(along, (2, 32, 32)))
    assert np.argmax(found.density) == 4


def test_an_image_with_a_nan_is_left_out(here: Backend) -> None:
    stack = images("float64")
    broken = stack.copy()
    broken[[2, 5], 3, 4] = np.nan, np.inf
    found = run(RadialSpectrum(), broken)
    wanted = run(RadialSpectrum(), np.delete(stack, [2, 5], axis=0))
    np.testing.assert_allclose(found.density, wanted.density, rtol=1e-12)
    assert found.used == 7


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("length", "segment"), [(1000, 64), (64, 64), (95, 64), (96, 64), (700, 6)]
)
def test_welch_is_scipys(here: Backend, dtype: str, length: int, segment: int) -> None:
    series = images(dtype, (1, 4, length))[0]
    found = run(Welch(rate=50, segment=segment), series)
    frequency, wanted = signal.welch(series.astype("float64"), fs=50, nperseg=segment)
    np.testing.assert_allclose(found.density, wanted, atol=TOLERANCE[dtype] * wanted.max(), rtol=0)
    np.testing.assert_allclose(found.frequency, frequency, rtol=1e-15)


def test_a_segment_with_a_nan_is_left_out(here: Backend) -> None:
    series = images("float64", (1, 3, 640))[0]
    broken = series.copy()
    broken[1, 100] = np.nan
    found = run(Welch(rate=1, segment=64), broken)
    assert found.used.tolist() == [19, 17, 19]
    segments = np.lib.stride_tricks.sliding_window_view(series[1], 64)[::32]
    left = np.delete(segments, [2, 3], axis=0)
    wanted = signal.welch(left, nperseg=64)[1].mean(axis=0)
    np.testing.assert_allclose(found.density[1], wanted, rtol=1e-12)


def test_a_series_of_nans_has_no_density_and_warns_of_nothing(here: Backend) -> None:
    assert np.isnan(run(Welch(rate=1, segment=8), np.full((2, 20), np.nan)).density).all()


@pytest.mark.parametrize(
    ("analysis", "shape", "says"),
    [
        (RadialSpectrum(), (4, 4), "shape"),
        (Welch(1.0), (4,), "shape"),
        (Welch(1.0, segment=64), (2, 60), "fewer than one segment"),
        (Welch(1.0, segment=7), (2, 60), "even length"),
    ],
)
def test_what_does_not_fit_is_a_sentence(
    analysis: Welch | RadialSpectrum, shape: tuple[int, ...], says: str
) -> None:
    with use("numpy"), pytest.raises(AnalysisError, match=says):
        run(analysis, np.zeros(shape))


def test_complex_numbers_are_refused(here: Backend) -> None:
    with pytest.raises(AnalysisError, match="real numbers"):
        run(RadialSpectrum(), np.zeros((2, 4, 4), dtype="complex64"))


def test_they_are_drawn() -> None:
    with use("numpy"):
        ax = run(Welch(rate=1, segment=8), images("float64", (1, 3, 64))[0]).plot()
    assert len(ax.lines) == 3
