"""Pieces, buffers and their order, on a way that copies late, as a device does.

It stands in for CUDA: `upload.ByCupy`, which calls that, runs where there is a GPU, in every test
of this folder that takes ``here``.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.upload import Uploads
from tests.analysis.kernels import norm


class Late:
    """A queue that a thread works off in order, and that may be held up."""

    def __init__(self) -> None:
        self.pinned_bytes = 0
        self.moves = threading.Event()
        self.moves.set()
        self.fails_at: int | None = None
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.log: list[str] = []
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self) -> None:
        while (do := self._queue.get()) is not None:
            self.moves.wait(30)
            do()

    def pinned(self, size: int) -> np.ndarray:
        self.pinned_bytes += size
        return np.full(size, 255, dtype="uint8")

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.empty(shape, dtype=dtype)

    def send(self, piece: np.ndarray, array: np.ndarray, at: int) -> threading.Event:
        if at == self.fails_at:
            raise MemoryError("the device is gone")
        done = threading.Event()

        def copy() -> None:
            array.reshape(-1).view("uint8")[at : at + piece.nbytes] = piece
            done.set()

        self._queue.put(copy)
        return done

    def wait(self, sent: threading.Event) -> None:
        assert sent.wait(30)

    def arrive(self) -> None:
        self.log.append("arrive")
        done = threading.Event()
        self._queue.put(done.set)
        assert done.wait(30)

    def leave(self) -> None:
        self.log.append("leave")

    def end(self) -> None:
        self.moves.set()
        self._queue.put(None)
        self.thread.join()


@pytest.fixture
def way() -> Iterator[Late]:
    found = Late()
    yield found
    found.end()


@pytest.mark.parametrize("shape", [(0,), (1,), (7, 3), (64,), (5, 4, 33)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "complex128", "bool"])
def test_every_byte_arrives(way: Late, shape: tuple[int, ...], dtype: str) -> None:
    host = np.random.default_rng(1).integers(0, 100, size=shape).astype(dtype)
    uploads = Uploads(way, piece=16, buffers=3, threads=2)
    there = uploads.begin(host)
    with uploads.turn():
        np.testing.assert_array_equal(there, host)
    assert way.log == ["arrive", "leave"]


def test_a_buffer_is_not_filled_again_before_it_was_read(way: Late) -> None:
    """The device stands still: as many pieces as there are buffers are taken, and no more."""
    way.moves.clear()
    host = np.arange(64, dtype="uint8")
    uploads = Uploads(way, piece=8, buffers=3, threads=2)
    with ThreadPoolExecutor(1) as other:
        uploading = other.submit(uploads.begin, host)
        with pytest.raises(TimeoutError):
            uploading.result(0.3)
        way.moves.set()
        there = uploading.result(30)
    with uploads.turn():
        np.testing.assert_array_equal(there, host)


def test_pinned_memory_is_bounded_and_the_same_for_every_upload(way: Late) -> None:
    uploads = Uploads(way, piece=16, buffers=3, threads=2)
    for number in range(20):
        host = np.full(100, number)
        there = uploads.begin(host)
        host[:] = -1  # it has been read
        with uploads.turn():
            assert (there == number).all()
    assert way.pinned_bytes == 48


def test_threads_that_upload_at_once_get_each_their_own(way: Late) -> None:
    uploads = Uploads(way, piece=16, buffers=3, threads=2)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: uploads.begin(np.full(50, n)), range(30)))
    with uploads.turn():
        for number, there in enumerate(found):
            assert (there == number).all()


def test_an_error_is_raised_and_every_buffer_is_back(way: Late) -> None:
    uploads = Uploads(way, piece=16, buffers=3, threads=2)
    way.fails_at = 32
    with pytest.raises(MemoryError, match="gone"):
        uploads.begin(np.arange(100))
    way.fails_at = None
    there = uploads.begin(np.arange(100))
    with uploads.turn():
        np.testing.assert_array_equal(there, np.arange(100))
    assert uploads._free.qsize() == 3


def test_kernels_that_fail_leave_as_others_do(way: Late) -> None:
    uploads = Uploads(way, piece=16, buffers=3, threads=2)
    with pytest.raises(ValueError, match="mine"), uploads.turn():
        raise ValueError("mine")
    assert way.log == ["arrive", "leave"]


def test_two_tasks_have_arrays_on_the_device_and_kernels_may_call_kernels(way: Late) -> None:
    uploads = Uploads(way, piece=16, buffers=3, threads=2)
    inside, go = queue.SimpleQueue[int](), threading.Event()

    def task(number: int) -> None:
        with uploads.ahead(), uploads.ahead():
            inside.put(number)
            assert go.wait(30)

    with ThreadPoolExecutor(3) as pool:
        tasks = [pool.submit(task, number) for number in range(3)]
        inside.get(timeout=30), inside.get(timeout=30)
        with pytest.raises(queue.Empty):
            inside.get(timeout=0.3)
        go.set()
        for each in tasks:
            each.result(30)
    assert inside.qsize() == 1


def test_arrays_are_brought_before_their_turn(
    device: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device computes for somebody else, and the next array is on its way."""
    staged = threading.Event()

    def stage(array: np.ndarray) -> Any:
        staged.set()
        return device.put(array)

    monkeypatch.setattr(device, "stage", stage)
    with ThreadPoolExecutor(1) as other:
        with device.turn():
            found = other.submit(norm, np.array([[3.0, 4.0]]))
            assert staged.wait(30)
            assert not found.done()
        np.testing.assert_array_equal(found.result(30), [5])
