"""Arrays that stay on a worker's device between tasks.

An iteration over the same data uploads it once: on an H200, one upload costs as much as some
80 passes over the data in its own memory. What a worker sends away is always a NumPy array,
so a chunk goes to a plain worker, to another maker's GPU or to a client just as well.
"""

from __future__ import annotations

import itertools
import threading
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from dask.sizeof import sizeof

from jupyter_continuum.analysis.backends import Backend, plain
from jupyter_continuum.analysis.device import backend

SHARE = 0.7
"""Of the device's memory that may be in use before chunks go back to the host."""


class DeviceChunk:
    """An array on the device of whichever worker holds it; not to be written into.

    ``chunk.get()`` is the device array, uploaded when it is not there; ``chunk.host()`` and
    ``numpy.asarray(chunk)`` are NumPy's. Safe from several threads.
    """

    __slots__ = ("__weakref__", "_array", "_backend", "_host", "_used", "dtype", "shape")

    def __init__(self, array: Any) -> None:  # a host array, or one of this process's library
        here = backend()
        self._array: Any = None
        self._backend: Backend | None = None
        self._host: np.ndarray | None = None
        self._used = -1
        if here.accelerated and here.is_array(array):
            self._array, self._backend = array, here
            self.shape: tuple[int, ...] = tuple(array.shape)
            self.dtype: np.dtype[Any] = here.dtype_of(array)
            residents.admit(self)
        else:
            self._host = plain(here.to_host(array))
            self.shape, self.dtype = self._host.shape, self._host.dtype

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def resident(self) -> bool:
        """Whether it lies on the device now."""
        return self._array is not None

    def get(self) -> Any:
        """On the device of this process, uploaded when it is not there."""
        here = backend()
        with residents.lock:
            if self._array is None or self._backend is not here:
                host = self._take_home()
                if not here.accelerated:
                    return here.put(host)
                residents.make_room(self.nbytes)
                self._array, self._backend, self._host = here.put(host), here, None
            residents.touch(self)
            return self._array

    def host(self) -> np.ndarray:
        """As a NumPy array; it stays on the device where it is there."""
        with residents.lock:
            if self._host is not None:
                return self._host
            assert self._backend is not None
            found: np.ndarray = self._backend.to_host(self._array)
            return found

    def evict(self) -> None:
        """Move it to host memory; a kernel that computes with it keeps what it has."""
        with residents.lock:
            self._take_home()

    def _take_home(self) -> np.ndarray:
        self._host = self.host()
        self._array = self._backend = None
        return self._host

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.host(), dtype=dtype, copy=copy)

    def __reduce__(self) -> tuple[type[DeviceChunk], tuple[np.ndarray]]:
        return DeviceChunk, (self.host(),)

    def __repr__(self) -> str:
        where = self._backend.model if self._backend else "host"
        return f"DeviceChunk(shape={self.shape}, dtype={self.dtype}, on {where})"


class Residents:
    """The chunks that lie on this process's device, in the order of their last use."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.limit: int | None = None
        """In bytes; `SHARE` of the device when None."""
        self._chunks: WeakValueDictionary[int, DeviceChunk] = WeakValueDictionary()
        self._clock = itertools.count()

    def touch(self, chunk: DeviceChunk) -> None:
        with self.lock:
            self._chunks.pop(chunk._used, None)
            chunk._used = next(self._clock)
            self._chunks[chunk._used] = chunk

    def admit(self, chunk: DeviceChunk) -> None:
        """Count a chunk that was made on the device, and make up for the room it took."""
        with self.lock:
            self.touch(chunk)
            self.make_room(0, spare=chunk)

    def make_room(self, needed: int, *, spare: DeviceChunk | None = None) -> None:
        """Move chunks to the host, the longest unused first, until ``needed`` bytes fit."""
        with self.lock:
            limit = self.limit if self.limit is not None else int(SHARE * backend().memory().total)
            for chunk in self._oldest_first():
                if self.used_bytes() + needed <= limit:
                    return
                if chunk is not spare:
                    chunk.evict()

    def evict_all(self) -> None:
        with self.lock:
            for chunk in self._oldest_first():
                chunk.evict()

    def used_bytes(self) -> int:
        """What is in use on the device: chunks, and what else the library knows of."""
        chunks = sum(chunk.nbytes for chunk in self._oldest_first())
        return max(chunks, backend().memory().used)

    def _oldest_first(self) -> list[DeviceChunk]:
        return [chunk for _, chunk in sorted(self._chunks.items()) if chunk.resident]


residents = Residents()
"""Of this process."""


def _size(chunk: DeviceChunk) -> int:
    """Host bytes: Dask would take a full device for a full host, and spill."""
    return 256 if chunk.resident else chunk.nbytes


sizeof.register(DeviceChunk, _size)
