"""What is installed on one side of a cluster, as plain values that travel as JSON.

Its text is also sent to a login node, and run there by an interpreter that may have nothing
of ours: the standard library alone, and no more of it than Python 3.8 has.
"""

from __future__ import annotations

import ctypes
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PROTOCOL = 1
"""Raised when an agent of another release could misread what its cluster says."""
PACKAGES = (
    "cloudpickle",
    "dask",
    "distributed",
    "jupyter-continuum",
    "lz4",
    "msgpack",
    "numpy",
    "pandas",
    "tornado",
)
CUPY = ("cupy-cuda13x", "cupy-cuda12x", "cupy-cuda11x", "cupy-rocm-7-0", "cupy")
"""CuPy's distributions: one a CUDA release, all of them the module ``cupy``."""
CUDA_RUNTIME = ("nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12", "nvidia-cuda-runtime-cu11")


def environment() -> dict[str, Any]:
    """Versions of what must agree, None for what is missing. Imports none of the packages."""
    libc, libc_version = platform.libc_ver()
    cupy = _first(CUPY)
    runtime = _first(CUDA_RUNTIME)
    return {
        "protocol": PROTOCOL,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cupy": f"{cupy} {_version(cupy)}" if cupy else None,
        "cuda_runtime": _version(runtime) if runtime else None,
        "cuda_driver": _cuda_driver(),
        "architecture": platform.machine(),
        "libc": f"{libc} {libc_version}".strip(),
        "hostname": platform.node(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _first(packages: tuple[str, ...]) -> str:
    """The first of ``packages`` that is installed, or ""."""
    return next((name for name in packages if _version(name)), "")


def _cuda_driver() -> str | None:
    """``13.0 (580.65)``: the newest CUDA that the driver serves, and the driver's own version."""
    number = ctypes.c_int()
    try:
        failed = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(number))
    except (OSError, AttributeError):
        return None
    if failed or not number.value:
        return None
    serves = f"{number.value // 1000}.{number.value % 1000 // 10}"
    try:
        with open("/proc/driver/nvidia/version") as file:
            own = re.search(r"\b\d{3}\.\d+(?:\.\d+)?\b", file.readline())
    except OSError:
        own = None
    return f"{serves} ({own[0]})" if own else serves
