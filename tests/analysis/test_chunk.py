"""Arrays that stay on the device: where they lie, how they leave, and who makes room."""

from __future__ import annotations

import gc
import pickle
import threading

import numpy as np
import pytest
from dask.sizeof import sizeof

from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.chunk import DeviceChunk, residents
from jupyter_continuum.analysis.device import use


def array(number: int = 0, size: int = 50) -> np.ndarray:
    """400 bytes, unless another size is asked for."""
    return np.arange(size, dtype="float64") + number


def test_it_is_uploaded_once(here: Backend) -> None:
    chunk = DeviceChunk(array())
    first = chunk.get()
    np.testing.assert_array_equal(here.to_host(first), array())
    assert chunk.resident == here.accelerated or here.name == "torch"
    if chunk.resident:
        assert chunk.get() is first


def test_it_leaves_a_worker_as_a_numpy_array_alone(device: Backend) -> None:
    chunk = DeviceChunk(device.put(array()))
    sent = pickle.dumps(chunk)
    assert b"array_api_strict" not in sent
    with use("numpy"):
        arrived = pickle.loads(sent)
        assert not arrived.resident
        assert isinstance(arrived.get(), np.ndarray)
        np.testing.assert_array_equal(arrived, array())
    assert chunk.resident


def test_buffers_leave_without_another_copy() -> None:
    with use("numpy"):
        buffers: list[pickle.PickleBuffer] = []
        sent = pickle.dumps(
            DeviceChunk(array(size=10_000)), protocol=5, buffer_callback=buffers.append
        )
        assert len(sent) < 1000
        np.testing.assert_array_equal(pickle.loads(sent, buffers=buffers), array(size=10_000))


def test_dask_counts_host_memory(device: Backend) -> None:
    chunk = DeviceChunk(array(size=1000))
    assert sizeof(chunk) == 8000
    chunk.get()
    assert sizeof(chunk) < 1000
    chunk.evict()
    assert sizeof(chunk) == 8000


def test_shape_and_type_are_known_wherever_it_lies(here: Backend) -> None:
    chunk = DeviceChunk(here.put(np.zeros((3, 4), dtype="float32")))
    assert (chunk.shape, chunk.dtype, chunk.nbytes) == ((3, 4), np.dtype("float32"), 48)
    assert "shape=(3, 4), dtype=float32" in repr(chunk)


def test_the_longest_unused_chunk_goes_to_the_host_first(small_device: int) -> None:
    first, second = DeviceChunk(array(1)), DeviceChunk(array(2))
    first.get(), second.get(), first.get()
    third = DeviceChunk(array(3))
    third.get()
    assert [first.resident, second.resident, third.resident] == [True, False, True]
    np.testing.assert_array_equal(second, array(2))
    second.get()
    assert [first.resident, second.resident, third.resident] == [False, True, True]
    assert residents.used_bytes() <= small_device


def test_a_result_of_a_kernel_makes_room_too(small_device: int, device: Backend) -> None:
    old = [DeviceChunk(device.put(array(number))) for number in range(2)]
    new = DeviceChunk(device.put(array(3)))
    assert [each.resident for each in (*old, new)] == [False, True, True]


def test_a_chunk_larger_than_the_limit_is_used_and_pushes_out_the_others(small_device: int) -> None:
    small, large = DeviceChunk(array()), DeviceChunk(array(size=500))
    small.get(), large.get()
    assert [small.resident, large.resident] == [False, True]


def test_a_chunk_that_nobody_holds_takes_no_room(small_device: int) -> None:
    DeviceChunk(array()).get()
    gc.collect()
    assert residents.used_bytes() == 0


def test_an_array_that_a_kernel_computes_with_outlives_the_eviction(
    small_device: int, device: Backend
) -> None:
    chunk = DeviceChunk(array())
    there = chunk.get()
    chunk.evict()
    np.testing.assert_array_equal(device.to_host(there + 1), array() + 1)


def test_another_backend_of_the_process_gets_its_own_array(device: Backend) -> None:
    chunk = DeviceChunk(array())
    chunk.get()
    with use("numpy"):
        assert isinstance(chunk.get(), np.ndarray)
    assert device.is_array(chunk.get())


def test_threads_that_push_each_other_out_all_see_their_values(
    small_device: int, device: Backend, threads: list[threading.Thread]
) -> None:
    chunks = [DeviceChunk(array(number)) for number in range(6)]
    wrong: list[int] = []

    def work(start: int) -> None:
        for turn in range(200):
            number = (start + turn) % len(chunks)
            if float(device.to_host(chunks[number].get())[0]) != number:
                wrong.append(number)
            if turn % 7 == 0:
                pickle.dumps(chunks[number])

    threads += [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert residents.used_bytes() <= small_device


@pytest.mark.parametrize("copy", [True, None])
def test_numpy_reads_it(here: Backend, copy: bool | None) -> None:
    chunk = DeviceChunk(array())
    chunk.get()
    read = np.array(chunk, dtype="float32", copy=copy)
    np.testing.assert_array_equal(read, array())
    assert read.dtype == np.float32
