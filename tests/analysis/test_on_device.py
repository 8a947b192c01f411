"""A person's own kernel: called plainly, by Dask, and by xarray."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client

import jupyter_continuum as jc
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.chunk import DeviceChunk, residents
from jupyter_continuum.errors import AnalysisError
from tests.analysis.kernels import double, norm, where


def test_a_plain_call_gives_a_host_array(here: Backend) -> None:
    found = norm(np.array([[3.0, 4.0], [6.0, 8.0]]))
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, [5, 10])
    assert norm.__name__ == "norm"
    assert norm.__doc__ == "The length of vectors."


def test_what_is_kept_is_a_chunk_and_feeds_the_next_kernel(here: Backend) -> None:
    found = double(np.arange(4.0))
    assert isinstance(found["twice"], DeviceChunk)
    assert found["sum"] == 6
    assert found["what"] == "doubled"
    np.testing.assert_array_equal(double(found["twice"])["twice"], np.arange(4) * 4)


def test_arrays_among_the_options_go_to_the_device_too(here: Backend) -> None:
    np.testing.assert_array_equal(double(np.ones(3), by=np.arange(3.0))["twice"], [0, 1, 2])


def test_a_kernel_that_forgets_the_device_fails_where_there_is_one(device: Backend) -> None:
    @jc.on_device
    def forgetful(xp: Any, x: Any) -> Any:
        return x + xp.ones(3)

    with pytest.raises(ValueError, match="device"):
        forgetful(np.ones(3))


def test_a_full_device_is_emptied_and_the_kernel_tried_again(device: Backend) -> None:
    kept = DeviceChunk(device.put(np.ones(3)))

    @jc.on_device
    def greedy(xp: Any, x: Any) -> Any:
        if kept.resident:
            raise MemoryError
        return x + 1

    np.testing.assert_array_equal(greedy(np.ones(3)), [2, 2, 2])
    assert residents.used_bytes() == 0


def test_a_device_that_is_too_small_is_a_sentence(device: Backend) -> None:
    @jc.on_device
    def greedy(xp: Any, x: Any) -> Any:
        raise MemoryError

    with pytest.raises(
        AnalysisError, match=r"too little memory for greedy of 24 bytes.* Use smaller"
    ):
        greedy(np.ones(3))


def test_a_whole_collection_is_refused(here: Backend) -> None:
    with pytest.raises(AnalysisError, match="use map_blocks"):
        norm(da.ones((4, 2)))


def test_map_blocks_of_dask(here: Backend) -> None:
    x = np.random.default_rng(1).normal(size=(8, 5))
    found = da.from_array(x, chunks=(3, 5)).map_blocks(norm, drop_axis=1, dtype=x.dtype)
    np.testing.assert_allclose(found.compute(scheduler="sync"), np.linalg.norm(x, axis=1))


def test_apply_ufunc_of_xarray(here: Backend) -> None:
    x = xr.DataArray(np.random.default_rng(2).normal(size=(6, 4)), dims=("time", "x"))
    found = xr.apply_ufunc(
        norm,
        x.chunk(time=2),
        input_core_dims=[["x"]],
        dask="parallelized",
        output_dtypes=[x.dtype],
    )
    assert found.dims == ("time",)
    np.testing.assert_allclose(found.compute(scheduler="sync"), np.linalg.norm(x, axis=1))


def test_each_worker_takes_its_own_library(mixed: Client) -> None:
    assert mixed.submit(where, workers="gpu", key="a").result() == "strict"
    assert mixed.submit(where, workers="plain", key="b").result() == "numpy"
    x = np.arange(6.0).reshape(3, 2)
    for name in ("gpu", "plain"):
        futures = mixed.map(norm, [x, x + 1], workers=name, pure=False)
        for found, given in zip(mixed.gather(futures), (x, x + 1), strict=True):
            np.testing.assert_allclose(found, np.linalg.norm(given, axis=1))


def test_a_chunk_goes_from_device_to_plain_worker_to_client(mixed: Client) -> None:
    kept = mixed.submit(double, np.arange(4.0), workers="gpu", pure=False)
    twice = mixed.submit(lambda found: found["twice"], kept, workers="gpu")
    assert mixed.submit(lambda chunk: chunk.resident, twice, workers="gpu").result()
    moved = mixed.submit(double, twice, workers="plain", pure=False).result()
    np.testing.assert_array_equal(moved["twice"], np.arange(4) * 4)
    assert isinstance(twice.result().get(), np.ndarray)
