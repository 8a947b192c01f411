"""The array libraries a worker can compute with: NumPy, CuPy, torch, and a stand-in for tests."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.analysis.backends import Backend, Memory, plain
from jupyter_continuum.errors import AnalysisError, ContinuumError
from jupyter_continuum.paths import private_dir

if TYPE_CHECKING:
    import numpy as np

    from jupyter_continuum.analysis.upload import Uploads

logger = logging.getLogger(__name__)

MOST = 0.8
"""Of the device's memory that the library may take: the rest is CUDA's own, and other programs'.
CuPy's own ``CUPY_GPU_MEMORY_LIMIT`` goes before it."""


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
        if "CUPY_CACHE_DIR" not in os.environ and (folder := compiled_folder(os.environ)):
            os.environ["CUPY_CACHE_DIR"] = str(folder)
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


def compiled_folder(environment: Mapping[str, str]) -> Path | None:
    """Where CuPy keeps what it compiled: the next worker finds it, and nobody else writes to it,
    since what lies there is run. Without a home, as in some pods, it lasts as long as the node's
    temporary files; None where neither is ours.
    """
    home = environment.get("HOME", "")
    cache = environment.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    shared = Path(tempfile.gettempdir()) / f"jupyter-continuum-{os.getuid()}"
    for folder in [Path(cache) / "jupyter-continuum"] * bool(cache) + [shared]:
        try:
            return private_dir(private_dir(folder) / "cupy")
        except (OSError, ContinuumError):
            continue
    return None


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
