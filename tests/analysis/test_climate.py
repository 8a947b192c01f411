"""Climate statistics against xarray and NumPy's least squares in float64."""

from __future__ import annotations

import os
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from distributed import Client

from jupyter_continuum.analysis import run
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.climate import ClimateStatistics, calendar, climatology
from jupyter_continuum.analysis.device import use
from jupyter_continuum.analysis.scan import Progress
from jupyter_continuum.errors import AnalysisError
from tests.analysis.test_scan import address_of

pytestmark = pytest.mark.usefixtures("small_chunks")


def field(dtype: str = "float64", gaps: float = 0.1) -> xr.DataArray:
    """Six years of every third day at 3 x 5 places in kelvin, warming by 0.05 to 0.3 a year."""
    random = np.random.default_rng(21)
    time = pd.date_range("1999-01-01", "2004-12-31", freq="3D").to_numpy()
    months, years = calendar(time)
    warming = np.linspace(0.05, 0.3, 15).reshape(3, 5)
    course = 10 * np.cos(2 * np.pi * (np.array(months) - 7) / 12)[:, None, None]
    values = 285 + course + np.array(years)[:, None, None] * warming
    values = values + random.normal(size=values.shape)
    values[random.random(values.shape) < gaps] = np.nan
    values[:, 2, 4] = np.nan
    coords = {"time": time, "lat": [50.0, 51, 52], "lon": np.arange(5.0)}
    return xr.DataArray(values.astype(dtype), dims=("time", "lat", "lon"), coords=coords)


def slope(values: np.ndarray, months: np.ndarray, years: np.ndarray) -> tuple[float, float]:
    """Least squares with a column for each month, and the slope's standard error."""
    good = np.isfinite(values)
    x = np.column_stack([years, *(months == month for month in range(1, 13))])[good].astype(float)
    found, *_ = np.linalg.lstsq(x, values[good], rcond=None)
    rest = values[good] - x @ found
    spread = rest @ rest / (good.sum() - x.shape[1])
    return found[0], np.sqrt(spread * np.linalg.inv(x.T @ x)[0, 0])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_is_what_xarray_and_least_squares_give(here: Backend, dtype: str) -> None:
    """All sums are float64 about means: of float32 values too it is the float64 answer."""
    given = field(dtype)
    found = climatology(given)
    wide = given.astype("float64")
    monthly = wide.groupby("time.month")
    np.testing.assert_allclose(found["mean"], monthly.mean(), rtol=1e-12)
    np.testing.assert_allclose(found["deviation"], monthly.std(ddof=1), rtol=1e-9)
    np.testing.assert_array_equal(found["count"], monthly.count())
    months, years = map(np.array, calendar(given["time"].values))
    for at in ((0, 0), (1, 3), (2, 2)):
        wanted = slope(wide.values[:, *at], months, years)
        assert float(found["trend"][at]) == pytest.approx(wanted[0], rel=1e-9)
        assert float(found["trend_error"][at]) == pytest.approx(wanted[1], rel=1e-8)
    assert found["lat"].equals(given["lat"])


def test_a_cell_without_values_is_nan_and_no_warning(here: Backend) -> None:
    found = climatology(field())
    assert np.isnan(found["mean"][:, 2, 4]).all()
    assert np.isnan(found["trend"][2, 4])
    assert (found["count"][:, 2, 4] == 0).all()


def test_a_month_without_values_is_nan(here: Backend) -> None:
    given = field(gaps=0)
    given = given[given["time.month"].values != 3]
    found = climatology(given)
    assert np.isnan(found["mean"].sel(month=3)).all()
    assert np.isfinite(found["trend"][0, 0])


def test_gaps_in_one_season_are_no_trend(here: Backend) -> None:
    """Without a mean of its own for each month, missing summers of late years cool the place."""
    given = field(gaps=0)
    late = (given["time.year"] > 2001) & (abs(given["time.month"] - 7) < 2)
    found = climatology(given.where(~late))
    assert float(found["trend"][0, 0]) == pytest.approx(
        0.05, abs=4 * float(found["trend_error"][0, 0])
    )


def test_workers_read_zarr_by_themselves(mixed: Client, tmp_path: Path) -> None:
    given = field()
    given.rename("t").to_dataset().chunk(time=100, lat=2, lon=5).to_zarr(
        tmp_path / "t.zarr", zarr_format=2, consolidated=True
    )
    stored = xr.open_zarr(tmp_path / "t.zarr")["t"]
    found = climatology(stored, client=mixed)
    with use("numpy"):
        xr.testing.assert_allclose(found, climatology(given), rtol=1e-12)


def store(given: xr.DataArray, place: Path) -> None:
    """Packed into integers with a scale, as such data often is, and -32768 for what is missing."""
    packing = {"dtype": "int16", "scale_factor": 2**-7, "add_offset": 285.0, "_FillValue": -32768}
    given.rename("t2m").to_dataset().chunk(time=100, lat=2, lon=5).to_zarr(
        place, zarr_format=2, consolidated=True, encoding={"t2m": packing}
    )


def test_a_variable_is_found_by_its_place_and_decoded(device: Backend, tmp_path: Path) -> None:
    given = field()
    store(given, tmp_path / "era5.zarr")
    with xr.open_zarr(tmp_path / "era5.zarr") as stored:
        wanted = climatology(stored["t2m"].load())
    xr.testing.assert_allclose(climatology(tmp_path / "era5.zarr" / "t2m"), wanted, rtol=1e-12)
    assert np.isnan(wanted["mean"][0, 2, 4])
    with pytest.raises(AnalysisError, match="has the variables t2m, not 'tp'"):
        climatology(tmp_path / "era5.zarr" / "tp")
    assert float(wanted["mean"][0, 0, 0]) == pytest.approx(275, abs=3)


def test_a_dataset_that_some_workers_see_is_read_by_those(mixed: Client, tmp_path: Path) -> None:
    """A relative path: the worker ``gpu`` stands where it leads somewhere, nobody else does."""
    given = field()
    store(given, tmp_path / "era5.zarr")
    at = [address_of(mixed, "gpu")]
    before = mixed.run(os.getcwd, workers=at)
    mixed.run(os.chdir, str(tmp_path), workers=at)
    seen: list[Progress] = []
    try:
        found = climatology("era5.zarr/t2m", client=mixed, progress=seen.append)
    finally:
        mixed.run(os.chdir, *before.values(), workers=at)
    assert seen[-1].by == {"a device that is none": seen[-1].total}
    assert seen[-1].total > 1
    with use("numpy"):
        xr.testing.assert_allclose(found, climatology(tmp_path / "era5.zarr" / "t2m"), rtol=1e-12)


@pytest.mark.parametrize("chunks", [None, (70, 2, 3)])
def test_anomalies_have_no_climatology(chunks: tuple[int, ...] | None) -> None:
    given = field()
    months, years = calendar(given["time"].values)
    with use("numpy"):
        found = run(ClimateStatistics(months, years), given)
    values = given.values if chunks is None else da.from_array(given.values, chunks=chunks)
    rest = np.asarray(found.anomalies(values, months))
    wanted = given.groupby("time.month") - given.groupby("time.month").mean()
    np.testing.assert_allclose(rest, wanted, atol=1e-9)


def test_the_calendar_is_that_of_pandas() -> None:
    time = pd.date_range("1965-01-01", "2030-12-31", freq="17D")
    months, years = calendar(time.to_numpy())
    assert list(months) == time.month.tolist()
    assert (
        np.abs(np.array(years) + 2000 - (time.year + (time.day_of_year - 1) / 365.25)).max() < 0.01
    )


def test_what_does_not_fit_is_a_sentence() -> None:
    with use("numpy"):
        with pytest.raises(AnalysisError, match="brings time to the front"):
            climatology(field().transpose("lat", "lon", "time"))
        with pytest.raises(AnalysisError, match="reads an xarray"):
            climatology(np.zeros((48, 4)))
        with pytest.raises(AnalysisError, match="4 time steps"):
            run(ClimateStatistics((1, 2), (0.0, 0.1)), np.zeros((4, 2)))
        with pytest.raises(AnalysisError, match="1 to 12"):
            run(ClimateStatistics((0, 1), (0.0, 0.1)), np.zeros((2, 2)))


def test_it_is_drawn() -> None:
    given = field()
    months, years = calendar(given["time"].values)
    with use("numpy"):
        assert run(ClimateStatistics(months, years), given).plot().images
        assert run(ClimateStatistics(months, years), given[:, 0, 0]).plot().lines
