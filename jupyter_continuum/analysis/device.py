"""Which array library this process computes with: chosen once, where the work is done.

A client without a GPU sends the same task to an NVIDIA worker, an AMD worker and a plain one.
``JUPYTER_CONTINUUM_DEVICE`` may name a library (``cupy``, ``torch``, ``numpy``) instead.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.libraries import KINDS, OnCupy, OnHost, OnTorch
from jupyter_continuum.errors import AnalysisError

VARIABLE = "JUPYTER_CONTINUUM_DEVICE"
GPU_FILES = ("nvidiactl", "kfd", "dxg")
"""Below /dev where a driver is loaded: NVIDIA's, AMD's, and either one's under Windows."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend, and why no faster one."""

    backend: Backend
    why: str


_lock = threading.RLock()
_chosen: Choice | None = None


def backend() -> Backend:
    """The backend of this process."""
    return choice().backend


def choice() -> Choice:
    """The backend of this process and the reason; the first call chooses: it may take seconds."""
    global _chosen
    with _lock:
        if _chosen is None:
            _chosen = choose(os.environ.get(VARIABLE, "auto"))
        return _chosen


@contextmanager
def use(name: str) -> Iterator[Backend]:
    """Compute with ``name`` in this process, all its threads included, until the block ends."""
    global _chosen
    with _lock:
        before, _chosen = _chosen, choose(name)
        chosen = _chosen.backend
    try:
        yield chosen
    finally:
        with _lock:
            _chosen = before


def choose(want: str, *, devices: Path = Path("/dev")) -> Choice:
    """The backend called ``want``, or with ``auto`` the fastest that works here.

    AnalysisError when the one that was asked for by name does not work.
    """
    if want != "auto":
        return Choice(_named(want), f"{VARIABLE} or use() asked for {want}")
    reasons = []
    cupy, why = _try_cupy()
    if cupy and not cupy.rocm:
        return Choice(cupy, "")
    reasons.append(why)
    torch, why = _try_torch(devices)
    if torch:
        return Choice(torch, "")
    if cupy:  # ROCm's CuPy misses parts, so it comes after torch
        return Choice(cupy, "")
    reasons.append(why)
    return Choice(OnHost(), "; ".join(filter(None, reasons)))


def _named(want: str) -> Backend:
    if want not in KINDS:
        raise AnalysisError(f"{want!r} is no array library here: choose auto, {', '.join(KINDS)}.")
    try:
        return KINDS[want]()
    except Exception as error:  # CuPy's errors have no common base without CuPy
        raise AnalysisError(
            f"{want} was asked for and does not work here ({_first_line(error)}). "
            f"Install it, or leave {VARIABLE} out."
        ) from error


def _try_cupy() -> tuple[OnCupy | None, str]:
    """CuPy where it works. Its import takes about 0.5 s and needs no driver."""
    if find_spec("cupy") is None:
        return None, "CuPy is not installed"
    try:
        import cupy

        if not cupy.cuda.is_available():
            return None, "CuPy finds no GPU"
        return OnCupy(), ""
    except Exception as error:  # a CUDA library is missing, or too old for the driver
        return None, f"CuPy does not work ({_first_line(error)})"


def _try_torch(devices: Path) -> tuple[Backend | None, str]:
    """torch with a GPU. Its import takes seconds, so only where a driver is loaded."""
    if not any((devices / name).exists() for name in GPU_FILES):
        return None, "no GPU driver is loaded"
    if find_spec("torch") is None:
        return None, "torch is not installed"
    try:
        found = OnTorch()
    except Exception as error:  # as with CuPy
        return None, f"torch does not work ({_first_line(error)})"
    return (found, "") if found.accelerated else (None, "torch finds no GPU")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
