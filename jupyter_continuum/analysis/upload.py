"""Arrays on their way to a device beside the kernel that computes: in pieces, by pinned buffers.

A copy from ordinary memory holds the device's queue and reaches a fraction of the link. So an array
goes piece by piece: threads fill pinned buffers, each is sent as it is full, and is filled again
when it was sent. Uploads have a stream of their own, the second and last of a worker: CuPy's pool
keeps what one stream frees from the others.

What CUDA does is behind `Way`; all that can go wrong around it is here, and tested without it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

PIECE = 1 << 25
BUFFERS = 8
"""256 MiB of pinned memory, which the machine cannot swap out: all that a worker takes."""
THREADS = 4
"""One thread copies some 10 GB/s, a link of PCIe 5 takes 50."""
AHEAD = 2
"""Tasks with arrays on the device: one computes, and the next one's arrive."""
LEAST = 1 << 23
"""Smaller arrays are brought in their turn."""


class Way(Protocol):
    """The calls of CUDA that an upload needs."""

    def pinned(self, size: int) -> np.ndarray:
        """So many bytes that the device reads by itself."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array of the device, to be written by uploads alone until they have arrived."""

    def send(self, piece: np.ndarray, array: Any, at: int) -> Any:
        """Begin to copy bytes to ``array`` from byte ``at`` on; what `wait` takes."""

    def wait(self, sent: Any) -> None:
        """Until that piece has been read."""

    def arrive(self) -> None:
        """Kernels of this thread, from now on, wait for what was sent so far."""

    def leave(self) -> None:
        """What is sent from now on waits for the kernels so far: they may read what was freed."""


@dataclass(slots=True)
class _Buffer:
    memory: np.ndarray
    sent: Any = None
    """The piece that may still be read from it."""


class Uploads:
    """Of one device. Several threads may send at once."""

    def __init__(
        self, way: Way, *, piece: int = PIECE, buffers: int = BUFFERS, threads: int = THREADS
    ) -> None:
        self._way = way
        self._piece = piece
        # The buffer that was sent first comes first: it is the likeliest to have been read.
        self._free: queue.SimpleQueue[_Buffer] = queue.SimpleQueue()
        for _ in range(buffers):
            self._free.put(_Buffer(way.pinned(piece)))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="upload")
        self._ahead = threading.BoundedSemaphore(AHEAD)
        self._mine = threading.local()

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Held by a task from its first upload to the end of its turn; `AHEAD` tasks at once."""
        if getattr(self._mine, "inside", False):  # a kernel that calls another
            yield
            return
        with self._ahead:
            self._mine.inside = True
            try:
                yield
            finally:
                self._mine.inside = False

    def begin(self, host: np.ndarray) -> Any:
        """The array of the device that ``host`` (C-contiguous) goes to.

        ``host`` has been read when this returns; the last pieces may still be on their way.
        """
        import numpy as np

        array = self._way.empty(host.shape, host.dtype)
        flat = host.reshape(-1).view(np.uint8)
        pieces = [
            self._threads.submit(self._send, flat, array, at)
            for at in range(0, flat.nbytes, self._piece)
        ]
        errors = []
        for each in pieces:
            error = None if each.cancelled() else each.exception()
            if error is not None:
                errors.append(error)
                for other in pieces:
                    other.cancel()
        if errors:
            raise errors[0]
        return array

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While kernels compute with what has been sent before."""
        self._way.arrive()
        try:
            yield
        finally:
            self._way.leave()

    def _send(self, flat: np.ndarray, array: Any, at: int) -> None:
        import numpy as np

        buffer = self._free.get()
        try:
            if buffer.sent is not None:
                self._way.wait(buffer.sent)
                buffer.sent = None
            part = flat[at : at + self._piece]
            piece = buffer.memory[: part.nbytes]
            np.copyto(piece, part)
            buffer.sent = self._way.send(piece, array, at)
        finally:
            self._free.put(buffer)


def worth_it(host: np.ndarray) -> bool:
    return host.nbytes >= LEAST and host.flags.c_contiguous


class ByCupy:
    """The way of CuPy: one stream that waits for no other by itself."""

    def __init__(self, cupy: Any) -> None:
        self._cuda = cupy.cuda
        self._empty = cupy.empty
        self._device = cupy.cuda.Device()
        self._stream = cupy.cuda.Stream(non_blocking=True)

    def pinned(self, size: int) -> np.ndarray:
        import numpy as np

        return np.frombuffer(self._cuda.alloc_pinned_memory(size), dtype=np.uint8, count=size)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        with self._device, self._stream:
            return self._empty(shape, dtype=dtype)

    def send(self, piece: np.ndarray, array: Any, at: int) -> Any:
        runtime = self._cuda.runtime
        with self._device:
            runtime.memcpyAsync(
                array.data.ptr + at,
                piece.ctypes.data,
                piece.nbytes,
                runtime.memcpyHostToDevice,
                self._stream.ptr,
            )
            sent = self._cuda.Event(block=True, disable_timing=True)
            sent.record(self._stream)
        return sent

    def wait(self, sent: Any) -> None:
        sent.synchronize()

    def arrive(self) -> None:
        with self._device:
            self._cuda.get_current_stream().wait_event(self._stream.record())

    def leave(self) -> None:
        with self._device:
            self._stream.wait_event(self._cuda.get_current_stream().record())
