"""Quantiles from bins against NumPy's own, within the error that is stated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from distributed import Client

from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.device import use
from jupyter_continuum.analysis.histogram import Quantiles, quantiles
from jupyter_continuum.errors import AnalysisError

pytestmark = pytest.mark.usefixtures("small_chunks")

LEVELS = (0, 0.05, 0.5, 0.9, 1)


def field(dtype: str = "float64") -> np.ndarray:
    """(time, 3, 5) with gaps, one cell without values and one with a single one."""
    random = np.random.default_rng(41)
    x = 280 + 10 * random.normal(size=(700, 3, 5)) ** 3
    x[random.random(x.shape) < 0.1] = np.nan
    x[:, 2, 4] = np.nan
    x[1:, 1, 1] = np.nan
    x[0, 1, 1] = 281
    return x.astype(dtype)


def close(found: Quantiles, wanted: Any) -> None:
    """NaN where it is NaN, and nowhere farther than stated."""
    np.testing.assert_allclose(found.value, wanted, rtol=0, atol=found.error)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_of_all_values(here: Backend, dtype: str) -> None:
    x = field(dtype)
    found = quantiles(x, LEVELS)
    close(found, np.nanquantile(x.astype("float64"), LEVELS, method="inverted_cdf"))
    assert found.error < 1e-5 * (np.nanmax(x) - np.nanmin(x))
    assert found.count == np.isfinite(x).sum()


@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_of_each_cell(here: Backend) -> None:
    x = field()
    found = quantiles(x, LEVELS, per_cell=True, bins=300)
    close(found, np.nanquantile(x, LEVELS, axis=0, method="inverted_cdf"))
    np.testing.assert_array_equal(found.count, np.isfinite(x).sum(axis=0))
    assert np.isnan(found.value[:, 2, 4]).all()


def test_integers_and_a_constant(here: Backend) -> None:
    x = np.random.default_rng(2).integers(0, 50, size=(40, 60)).astype("int16")
    close(quantiles(x, LEVELS), np.quantile(x, LEVELS, method="inverted_cdf"))
    same = quantiles(np.full(1000, 1e6), LEVELS)
    close(same, [1e6] * 5)
    assert same.error < 1e-4


def test_beyond_a_given_span_it_is_infinite(here: Backend) -> None:
    x = np.arange(1000.0)
    found = quantiles(x, (0.1, 0.5, 0.9), span=(400, 600), bins=200)
    assert found.value.tolist() == [-np.inf, 499.5, np.inf]


def test_infinities_do_not_count(here: Backend) -> None:
    found = quantiles(np.array([np.inf, 1.0, 2.0, 3.0, -np.inf]), (0.5,))
    close(found, [2])


@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_unequal_workers_give_the_same_to_the_bit(mixed: Client) -> None:
    x = field()
    found = quantiles(x, LEVELS, per_cell=True, client=mixed)
    with use("numpy"):
        here = quantiles(x, LEVELS, per_cell=True)
    np.testing.assert_array_equal(found.value, here.value)


def test_they_are_labelled_and_drawn() -> None:
    like = xr.DataArray(
        field(), dims=("time", "lat", "lon"), coords={"lat": [1.0, 2, 3], "time": np.arange(700)}
    )
    with use("numpy"):
        cells = quantiles(like, (0.5, 0.9), per_cell=True)
        whole = quantiles(like, (0.5, 0.9))
    assert cells.to_xarray(like).sel(quantile=0.9).dims == ("lat", "lon")
    assert cells.to_xarray(like)["lat"].equals(like["lat"])
    assert whole.to_xarray(like).dims == ("quantile",)
    assert cells.plot().images
    assert whole.plot().lines


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"levels": (1.5,)}, "between 0 and 1"),
        ({"levels": ()}, "between 0 and 1"),
        ({"levels": (0.5,), "bins": 0}, "1 to 1048576 bins"),
        ({"levels": (0.5,), "span": (2.0, 2.0)}, "above its start"),
    ],
)
def test_what_does_not_fit_is_a_sentence(options: dict[str, Any], says: str) -> None:
    with use("numpy"), pytest.raises(AnalysisError, match=says):
        quantiles(np.arange(5.0), **options)


def test_nothing_finite_is_a_sentence() -> None:
    with use("numpy"), pytest.raises(AnalysisError, match="No value is finite"):
        quantiles(np.full(5, np.nan), (0.5,))
