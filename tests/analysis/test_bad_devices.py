"""A device that is too small, and one that is gone: a sentence, and nothing lost that need be."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster

import jupyter_continuum as jc
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.chunk import DeviceChunk
from jupyter_continuum.analysis.device import VARIABLE
from jupyter_continuum.analysis.keeping import keep
from jupyter_continuum.analysis.scan import run
from jupyter_continuum.errors import AnalysisError
from tests.analysis.conftest import ROOT
from tests.analysis.kernels import Breaks, Total, lose_the_device, process

X = np.arange(120.0 * 40).reshape(120, 40)


class TooSmall(Total):
    """No chunk fits."""

    def partial(self, xp: Any, block: Any, chunk: Any) -> Any:
        raise MemoryError


def test_a_chunk_larger_than_the_device_names_its_size_and_what_to_do(device: Backend) -> None:
    says = r"\(1024\.0 GiB\) has too little memory for TooSmall of 37\.5 KiB.* Use smaller chunks"
    with pytest.raises(AnalysisError, match=says):
        run(TooSmall(), X)


def test_what_an_upload_needs_is_made_room_for(
    device: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is full of what was kept: that goes to the host, and the upload is repeated."""
    kept = DeviceChunk(device.put(np.ones(3)))
    put = device._put

    def full(array: np.ndarray) -> Any:
        if kept.resident:
            raise MemoryError
        return put(array)

    monkeypatch.setattr(device, "_put", full)
    assert keep(Total(), X).chunks[0].resident
    assert not kept.resident


def test_an_error_does_not_hold_what_filled_the_device(device: Backend) -> None:
    held: list[weakref.ref[Any]] = []

    @jc.on_device
    def greedy(xp: Any, x: Any) -> Any:
        held.append(weakref.ref(x))
        raise MemoryError

    with pytest.raises(AnalysisError) as caught:
        greedy(np.ones(3))
    gc.collect()
    assert caught.value
    assert len(held) == 2
    assert all(each() is None for each in held)


def test_a_kernel_that_is_wrong_is_its_own_error(device: Backend) -> None:
    @jc.on_device
    def wrong(xp: Any, x: Any) -> Any:
        raise ValueError("a mistake of mine")

    with pytest.raises(ValueError, match="a mistake of mine"):
        wrong(np.ones(3))


def test_a_device_that_is_gone_is_a_sentence_in_a_process_of_ones_own(device: Backend) -> None:
    @jc.on_device
    def last(xp: Any, x: Any) -> Any:
        lose_the_device()
        raise RuntimeError("CUDA error")

    says = r"answered no more while last was computed \(cudaErrorIllegalAddress.*restart the kernel"
    with pytest.raises(AnalysisError, match=says):
        last(np.ones(3))


@pytest.fixture
def fragile() -> Iterator[Client]:
    """Two workers with a device and a nanny each."""
    env = {VARIABLE: "strict", "PYTHONPATH": ROOT}
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", env=env
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.mark.usefixtures("small_chunks")
def test_a_device_that_is_gone_costs_its_worker_and_no_result(
    fragile: Client, tmp_path: Path
) -> None:
    """Its chunks, kept ones too, are computed elsewhere; the person is told; it starts anew."""
    before = set(fragile.run(process).values())
    kept = keep(Total(), X, client=fragile)
    assert run(Total(), kept, client=fragile).sum == X.sum()
    flag = tmp_path / "flag"
    flag.touch()
    with pytest.warns(RuntimeWarning, match=r"answered no more while Breaks .* others compute"):
        assert run(Breaks(flag=str(flag)), kept, client=fragile).sum == X.sum()
    assert not flag.exists()
    fragile.wait_for_workers(2, timeout=60)
    after = set(fragile.run(process).values())
    assert len(after) == 2
    assert len(before & after) == 1


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int16", "bool"])
def test_types_that_differ_from_chunk_to_chunk_meet_in_one_kernel(
    here: Backend, dtype: str
) -> None:
    @jc.on_device
    def product(xp: Any, x: Any, y: Any) -> Any:
        return xp.sum(xp.astype(x, xp.float64) * y)

    x = np.array([0, 1, 1]).astype(dtype)
    assert float(product(x, np.array([2.0, 3.0, 4.0], dtype="float32"))) == 7


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_an_empty_array_is_an_array(here: Backend, shape: tuple[int, ...]) -> None:
    @jc.on_device(keep=True)
    def twice(xp: Any, x: Any) -> Any:
        return x + x

    found = twice(np.zeros(shape, dtype="float32"))
    assert (found.shape, found.dtype, found.nbytes) == (shape, np.dtype("float32"), 0)
    assert np.asarray(twice(found)).shape == shape


def test_a_nan_stays_one(here: Backend) -> None:
    @jc.on_device
    def plus(xp: Any, x: Any) -> Any:
        return x + 1

    found = plus(np.array([np.nan, np.inf, -np.inf, 1]))
    np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf, 2])
