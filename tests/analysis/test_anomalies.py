"""Rolling scores against a loop in float64, where it is easy and where it is hard."""

from __future__ import annotations

import numpy as np
import pytest

from jupyter_continuum.analysis import run
from jupyter_continuum.analysis.anomalies import RollingAnomalies
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.device import use
from jupyter_continuum.errors import AnalysisError


def reference(series: np.ndarray, window: int) -> np.ndarray:
    """One window after another, by NumPy's two-pass deviation."""
    score = np.full(series.shape, np.nan)
    for row, values in enumerate(series.astype("longdouble")):
        for at in range(len(values)):
            before = values[max(0, at - window) : at]
            before = before[np.isfinite(before)]
            if len(before) < max(2, -(-window // 2)) or not np.isfinite(values[at]):
                continue
            least = np.finfo(series.dtype).eps * abs(before.mean())
            score[row, at] = (values[at] - before.mean()) / max(before.std(ddof=1), least)
    return score


def scores(series: np.ndarray, window: int, here: Backend) -> np.ndarray:
    found = RollingAnomalies(window).scores(here.xp, here.put(series))
    return np.asarray(here.to_host(found))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("offset", "drift"), [(0, 0), (1e4, 0), (300, 0.5)], ids=["plain", "offset", "drift"]
)
def test_scores_are_those_of_two_passes(
    here: Backend, dtype: str, offset: float, drift: float
) -> None:
    """Tolerance: window * 2.2e-16 * (spread / deviation)**2 is 4e-13 for the drift."""
    rng = np.random.default_rng(4)
    series = (rng.normal(size=(3, 400)) + offset + drift * np.arange(400)).astype(dtype)
    np.testing.assert_allclose(
        scores(series, 24, here), reference(series, 24), rtol=1e-9, atol=1e-9
    )


def test_where_running_sums_have_lost_every_digit(here: Backend) -> None:
    """A quiet series after a step of 1e9: float64 sums of squares since the start know nothing."""
    series = np.random.default_rng(5).normal(size=(1, 300))
    series[:, 100:] += 1e9
    found, wanted = scores(series, 16, here), reference(series, 16)
    quiet = slice(140, None)
    np.testing.assert_allclose(found[:, quiet], wanted[:, quiet], rtol=1e-5)
    sums = np.cumsum(series, axis=1), np.cumsum(series**2, axis=1)
    naive = (sums[1][:, 16:] - sums[1][:, :-16]) / 16 - (
        (sums[0][:, 16:] - sums[0][:, :-16]) / 16
    ) ** 2
    assert (np.abs(naive[:, 140:] - 1) > 0.9).all()


def test_values_that_are_missing_are_in_no_window(here: Backend) -> None:
    series = np.random.default_rng(6).normal(size=(4, 200))
    series[np.random.default_rng(7).random(series.shape) < 0.3] = np.nan
    series[2, 50:90] = np.inf
    np.testing.assert_allclose(scores(series, 10, here), reference(series, 10), rtol=1e-9)


def test_a_series_that_stood_still_has_finite_scores(here: Backend) -> None:
    series = np.full((2, 60), 0.1, dtype="float32")
    series[0, 40] = 0.2
    series[1] = 0
    series[1, 50] = 1
    found = scores(series, 8, here)
    assert np.isfinite(found[:, 4:]).all()
    assert found[0, 40] > 1e6 < found[1, 50]
    assert (np.abs(found[0, 4:40]) < 1).all()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("window", [5, 100])
def test_alarms_do_not_depend_on_the_cut(here: Backend, window: int) -> None:
    series = np.random.default_rng(8).normal(size=(6, 900)).astype("float32")
    series[2, [300, 301]] += 20
    series[5, 899] -= 30
    series[4, 10] = np.nan
    found = run(RollingAnomalies(window, threshold=4), series)
    wanted = reference(series, window)
    where = np.argwhere(np.abs(wanted) > 4)
    np.testing.assert_array_equal(np.stack([found.series, found.time], axis=1), where)
    np.testing.assert_allclose(found.score, wanted[tuple(where.T)], rtol=1e-6)
    np.testing.assert_array_equal(found.value, series[tuple(where.T)])
    assert found.scored == np.isfinite(wanted).sum()
    assert (5, 899) in set(zip(found.series.tolist(), found.time.tolist(), strict=True))


def test_no_alarm_is_an_empty_list(here: Backend) -> None:
    assert len(run(RollingAnomalies(5), np.zeros((2, 20))).time) == 0


def test_what_does_not_fit_is_a_sentence() -> None:
    with use("numpy"):
        with pytest.raises(AnalysisError, match="shape"):
            run(RollingAnomalies(5), np.zeros(20))
        with pytest.raises(AnalysisError, match="2 values or more"):
            run(RollingAnomalies(1), np.zeros((2, 20)))


def test_alarms_are_drawn() -> None:
    series = np.zeros((2, 30))
    series[1, 20] = 1
    with use("numpy"):
        assert len(run(RollingAnomalies(5), series).plot().collections) == 1
