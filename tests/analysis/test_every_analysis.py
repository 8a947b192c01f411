"""What each packaged analysis must have; one that is added and missing here fails the last test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

from jupyter_continuum import analysis
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.stores import ZarrPart
from jupyter_continuum.errors import AnalysisError

Told = list[Any]
RANDOM = np.random.default_rng(12)
FLAT = RANDOM.normal(size=(120, 40))
DAYS = np.arange("2001-01-01", "2002-01-01", dtype="datetime64[D]").astype("datetime64[ns]")
FIELD = xr.DataArray(RANDOM.normal(size=(365, 4, 8)), {"time": DAYS}, ("time", "y", "x"), name="v")


def ran(options: Any) -> Callable[[Any, Told], Any]:
    return lambda array, told: analysis.run(options, array, progress=told.append)


def squares(xp: Any, u: Any) -> Any:
    return xp.sum(u * u, axis=1)


CASES: dict[str, tuple[Any, Callable[[Any, Told], Any]]] = {
    "ClimateStatistics": (FIELD.values, ran(analysis.ClimateStatistics((3,) * 365, (0.5,) * 365))),
    "PrincipalComponents": (FLAT, ran(analysis.PrincipalComponents(3))),
    "RadialSpectrum": (FLAT.reshape(12, 20, 20), ran(analysis.RadialSpectrum())),
    "RollingAnomalies": (FLAT, ran(analysis.RollingAnomalies(window=8, threshold=3))),
    "Segmentation": (FLAT, ran(analysis.Segmentation(threshold=0.1, sigma=1))),
    "Welch": (FLAT, ran(analysis.Welch(rate=10, segment=8))),
    "climatology": (FIELD, lambda x, told: analysis.climatology(x, progress=told.append)),
    "k_means": (
        FLAT,
        lambda x, told: analysis.k_means(x, 3, progress=lambda *each: told.append(each)),
    ),
    "quantiles": (FLAT, lambda x, told: analysis.quantiles(x, [0.5], progress=told.append)),
}
"""By name, an array of some ten kilobytes and what analyses it and tells how far it is."""
DRAWN = {"monte_carlo"}
"""What reads no array."""
MACHINERY = {
    *("Analysis", "DeviceChunk", "backend", "keep", "label_image", "on_device", "run", "use"),
    "write_labels",
}


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("name", CASES)
def test_it_reads_a_store_chunk_by_chunk_and_tells_how_far_it_is(
    name: str, tmp_path: Path, device: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    array, analyse = CASES[name]
    place: Any = tmp_path / "x.zarr"
    if isinstance(array, xr.DataArray):
        array.to_dataset().chunk(time=50).to_zarr(place, zarr_format=2, consolidated=True)
        place = place / str(array.name)
    else:
        blocks = (5, *array.shape[1:])
        zarr.create_array(str(place), data=array, chunks=blocks)
    sizes: list[int] = []
    read = ZarrPart.read

    def counted(part: ZarrPart, inputs: Any) -> Any:
        block = read(part, inputs)
        sizes.append(block.nbytes)
        return block

    monkeypatch.setattr(ZarrPart, "read", counted)
    told: Told = []
    found = analyse(place, told)
    assert max(sizes) < array.nbytes / 2
    assert len(told) > 1
    same(found, analyse(array, []))


def same(found: Any, wanted: Any) -> None:
    if isinstance(wanted, xr.Dataset):
        xr.testing.assert_allclose(found, wanted, rtol=1e-9)
        return
    for field in (field for field in wanted.__slots__ if field != "tiles"):
        np.testing.assert_allclose(getattr(found, field), getattr(wanted, field), rtol=1e-9)
    assert found.plot().figure


def test_draws_are_told_of_and_drawn(device: Backend) -> None:
    told: Told = []
    found = analysis.monte_carlo(squares, 3 << 20, dimensions=2, progress=told.append)
    assert [each.done for each in told] == [1, 2, 3]
    assert found.plot().figure


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"climatology"}))
def test_complex_numbers_and_no_numbers_are_refused(name: str, device: Backend) -> None:
    array, analyse = CASES[name]
    with pytest.raises(AnalysisError, match="real numbers"):
        analyse(array + 1j, [])
    with pytest.raises(AnalysisError):
        analyse(array[:0], [])


def test_no_analysis_is_missing_here() -> None:
    assert set(analysis.__all__) == CASES.keys() | DRAWN | MACHINERY
