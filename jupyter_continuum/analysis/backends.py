"""The array libraries a worker can compute with, behind one small face.

A kernel is given the library's array-API namespace and arrays that lie on its device; all it
must not do itself is here: bring host arrays there and back, and say how full the device is.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from jupyter_continuum.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np

    from jupyter_continuum.analysis.upload import Uploads

logger = logging.getLogger(__name__)

PLAIN = {"float16": "float32", "longdouble": "float64", "clongdouble": "complex128"}
"""Types outside the array-API standard, and what carries their values: half as float32."""

MOST = 0.8
"""Of the device's memory that the library may take: the rest is CUDA's own, and other programs'.
CuPy's own ``CUPY_GPU_MEMORY_LIMIT`` goes before it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a device, in bytes."""

    used: int
    total: int


class Backend(ABC):
    """One array library on one device. It belongs to its process and never travels."""

    name: str
    xp: Any  # an array-API namespace: modules have no better type
    model: str
    """What computes, for a person: ``NVIDIA H200``, ``CPU``."""
    accelerated: bool = True
    """Whether arrays lie elsewhere than in host memory."""

    def __init__(self) -> None:
        self._turn = threading.RLock()

    def __reduce__(self) -> NoReturn:
        raise TypeError("A backend stays in its process: call backend() where the work is done.")

    def turn(self) -> AbstractContextManager[object]:
        """Held while a kernel runs: one at a time on a device, so that memory fits.

        Other threads of the worker load the next chunk meanwhile.
        """
        return self._turn if self.accelerated else nullcontext()

    def ahead(self) -> AbstractContextManager[object]:
        """Held around `stage` and the turn that follows: bounds what comes to the device early."""
        return nullcontext()

    def stage(self, array: np.ndarray) -> Any:
        """``array``, or where it can be brought beside another's kernel, where it arrives.

        It may be computed with from the next turn of this thread on.
        """
        return array

    def put(self, array: Any) -> Any:  # anything NumPy reads; an array of the library
        """``array`` on the device; AnalysisError for what is no plain number."""
        return self._put(plain(array))

    def to_host(self, tree: Any) -> Any:
        """``tree`` with every array of the device, however deep, as a NumPy array."""
        return replace_arrays(tree, self.is_array, self._to_host)

    def trouble(self) -> str:
        """Why the device answers no more, in the words of its library; "" when it answers."""
        try:
            self._wait()
        except Exception as error:  # each library has its own for a device that is gone
            return next(iter(str(error).splitlines()), type(error).__name__)
        return ""

    def dtype_of(self, array: Any) -> np.dtype[Any]:
        """NumPy's name for the array's type."""
        import numpy as np

        return np.dtype(str(array.dtype).rpartition(".")[2])

    @abstractmethod
    def is_array(self, value: object) -> bool: ...

    @abstractmethod
    def memory(self) -> Memory: ...

    @abstractmethod
    def _wait(self) -> None:
        """For all that the device was given to do; raises what befell it."""

    @abstractmethod
    def _put(self, array: np.ndarray) -> Any: ...

    @abstractmethod
    def _to_host(self, array: Any) -> np.ndarray: ...


class OnHost(Backend):
    """NumPy. Arrays stay where they are and are not copied: a kernel must not write into them."""

    name = "numpy"
    model = "CPU"
    accelerated = False

    def __init__(self) -> None:
        super().__init__()
        from array_api_compat import numpy as xp

        self.xp = xp

    def is_array(self, value: object) -> bool:
        import numpy as np

        return isinstance(value, np.ndarray | np.generic)

    def memory(self) -> Memory:
        """Of this process, and of the machine."""
        import psutil

        return Memory(psutil.Process(os.getpid()).memory_info().rss, psutil.virtual_memory().total)

    def _wait(self) -> None:
        """It does everything at once."""

    def _put(self, array: np.ndarray) -> Any:
        return array

    def _to_host(self, array: Any) -> np.ndarray:
        import numpy as np

        return np.asarray(array)


class OnCupy(Backend):
    """CuPy on an NVIDIA GPU, or its ROCm build on an AMD one."""

    name = "cupy"

    def __init__(self) -> None:
        super().__init__()
        import cupy
        from array_api_compat import cupy as xp

        self._cupy = cupy
        self.xp = xp
        self.rocm = bool(cupy.cuda.runtime.is_hip)
        about = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        self.model = about["name"].decode() or "GPU"
        if "CUPY_GPU_MEMORY_LIMIT" not in os.environ:
            cupy.get_default_memory_pool().set_limit(fraction=MOST)
        square = cupy.ones((2, 2), dtype="float32")
        cupy.fft.rfft(square @ square)  # fails here and now where a library of CUDA is missing
        float(square.sum())
        self._uploads = None if self.rocm else _uploads(cupy)

    @contextmanager
    def turn(self) -> Iterator[None]:
        with super().turn(), self._uploads.turn() if self._uploads else nullcontext():
            yield

    def ahead(self) -> AbstractContextManager[object]:
        return self._uploads.ahead() if self._uploads else nullcontext()

    def stage(self, array: np.ndarray) -> Any:
        from jupyter_continuum.analysis.upload import worth_it

        host = plain(array)
        return self._uploads.begin(host) if self._uploads and worth_it(host) else host

    def is_array(self, value: object) -> bool:
        return isinstance(value, self._cupy.ndarray)

    def memory(self) -> Memory:
        """What arrays hold, without what CuPy's pool keeps for the next ones."""
        _, total = self._cupy.cuda.runtime.memGetInfo()
        return Memory(self._cupy.get_default_memory_pool().used_bytes(), total)

    def _wait(self) -> None:
        self._cupy.cuda.runtime.deviceSynchronize()

    def _put(self, array: np.ndarray) -> Any:
        return self._cupy.asarray(array)

    def _to_host(self, array: Any) -> np.ndarray:
        host: np.ndarray = self._cupy.asnumpy(array)
        return host


def _uploads(cupy: Any) -> Uploads | None:
    """None where a job may not pin memory: arrays are then brought in their turn."""
    from jupyter_continuum.analysis.upload import ByCupy, Uploads

    try:
        return Uploads(ByCupy(cupy))
    except Exception as error:  # CUDA's, or a limit of the batch system
        logger.warning("Arrays are brought to the GPU without pinned memory: %s.", error)
        return None


class OnTorch(Backend):
    """PyTorch: on AMD the way that is most complete, and on a CPU what tests it."""

    name = "torch"

    def __init__(self) -> None:
        super().__init__()
        import torch
        from array_api_compat import torch as xp

        self._torch = torch
        self.xp = xp
        self.accelerated = torch.cuda.is_available()
        self.device = torch.device("cuda" if self.accelerated else "cpu")
        self.model = torch.cuda.get_device_name() if self.accelerated else "CPU"
        if self.accelerated:
            torch.cuda.set_per_process_memory_fraction(MOST)
            square = torch.ones((2, 2), device=self.device)
            torch.fft.rfft(square @ square)  # as with CuPy
            float(square.sum())

    def is_array(self, value: object) -> bool:
        return isinstance(value, self._torch.Tensor)

    def memory(self) -> Memory:
        if not self.accelerated:
            return OnHost().memory()
        _, total = self._torch.cuda.mem_get_info()
        return Memory(self._torch.cuda.memory_allocated(), total)

    def _wait(self) -> None:
        if self.accelerated:
            self._torch.cuda.synchronize()

    def _put(self, array: np.ndarray) -> Any:
        import numpy as np

        # torch knows wider unsigned integers by name and computes with none of them.
        wider = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64}.get(array.dtype.name)
        if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
            raise AnalysisError("torch holds no integer above 2**63: convert the array to float64.")
        # It takes neither negative strides nor memory that may not be written.
        writable = array.flags.writeable and array.flags.c_contiguous
        ours = array.astype(wider) if wider else array if writable else array.copy()
        return self._torch.from_numpy(ours).to(self.device)

    def _to_host(self, array: Any) -> np.ndarray:
        host: np.ndarray = array.detach().resolve_conj().cpu().numpy()
        return host


class OnStrict(Backend):
    """array-api-strict with a second device: mixes with the host fail as on a GPU. For tests."""

    name = "strict"
    model = "a device that is none"

    def __init__(self) -> None:
        super().__init__()
        import array_api_strict

        self._strict = array_api_strict
        self.xp = array_api_strict
        self.device = array_api_strict.Device("device1")

    def is_array(self, value: object) -> bool:
        return isinstance(value, type(self._strict.empty(0)))

    def memory(self) -> Memory:
        return Memory(0, 1 << 40)

    def _wait(self) -> None:
        """It does everything at once."""

    def _put(self, array: np.ndarray) -> Any:
        return self._strict.asarray(array, device=self.device, copy=True)

    def _to_host(self, array: Any) -> np.ndarray:
        import numpy as np

        return np.array(array.to_device(self._strict.Device("CPU_DEVICE")))


KINDS: dict[str, type[Backend]] = {kind.name: kind for kind in (OnCupy, OnTorch, OnHost, OnStrict)}


def plain(array: Any) -> np.ndarray:
    """``array`` as a NumPy array of a type that every library has, in the machine's byte order."""
    import numpy as np

    if isinstance(array, np.ma.MaskedArray):
        raise AnalysisError("A masked array has no plain values: pass array.filled(numpy.nan).")
    host = np.asarray(array)
    if host.dtype.kind not in "biufc":
        raise AnalysisError(
            f"An array of {host.dtype} holds no plain numbers: convert it to floats or integers."
        )
    wanted = _plain_types().get(host.dtype.type, host.dtype.newbyteorder("="))
    return np.asarray(host, dtype=wanted)


@functools.cache
def _plain_types() -> dict[type[Any], np.dtype[Any]]:
    import numpy as np

    return {np.dtype(odd).type: np.dtype(usual) for odd, usual in PLAIN.items()}


def replace_arrays(tree: Any, is_array: Any, replace: Any) -> Any:  # any nest of containers
    """``tree`` with ``replace(array)`` for each array in its tuples, lists and dictionaries."""
    if is_array(tree):
        return replace(tree)
    if isinstance(tree, dict):
        return {key: replace_arrays(value, is_array, replace) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(replace_arrays(each, is_array, replace) for each in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(replace_arrays(each, is_array, replace) for each in tree)
    return tree
