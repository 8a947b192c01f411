"""Kernels of our own against their counterparts in functions of the standard.

On a GPU they run as they are. The source is C as well: here gcc compiles it for the processor, with
the index of a thread as a variable, which tries its arithmetic and nothing of a launch.
"""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_api_compat import numpy as xp

from jupyter_continuum.analysis.anomalies import _TINY, RollingAnomalies
from jupyter_continuum.analysis.fused import ROLLING
from tests.analysis.conftest import libraries

BEFORE = """
#include <math.h>
#define __global__
static struct { long long x; } blockIdx, blockDim = {1}, threadIdx;
static unsigned long long atomicAdd(unsigned long long *at, unsigned long long by)
{ unsigned long long was = *at; *at += by; return was; }
"""
AFTER = """
void launch(long long threads, const FLOAT *x, long long series, long long length,
            long long window, long long first, long long last, double least, double eps,
            double tiny, double threshold, unsigned long long room, unsigned long long *found,
            long long *place, double *score, long long *scored)
{
    for (blockIdx.x = 0; blockIdx.x < threads; blockIdx.x++)
        rolling(x, series, length, window, first, last, least, eps, tiny, threshold, room, found,
                place, score, scored);
}
"""


def on_the_processor(folder: Path, x: np.ndarray, window: int, threshold: float) -> Any:
    """What `fused.rolling` does, with room for as many alarms as there are values."""
    kind = {"float32": "float", "float64": "double"}[x.dtype.name]
    (folder / "k.c").write_text(BEFORE + ROLLING + AFTER)
    words = ["gcc", "-O2", "-shared", "-fPIC", f"-DFLOAT={kind}", "-o", "k.so", "k.c", "-lm"]
    subprocess.run(words, cwd=folder, check=True)
    series, length = x.shape
    threads = series * -(-length // window)
    found, scored = np.zeros(1, "uint64"), np.zeros(threads, "int64")
    place, score = np.zeros(x.size, "int64"), np.zeros(x.size)

    def at(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    ctypes.CDLL(str(folder / "k.so")).launch(
        *(ctypes.c_longlong(threads), at(x)),
        *map(ctypes.c_longlong, (series, length, window, 0, length)),
        *map(ctypes.c_double, (max(2, -(-window // 2)), np.finfo(x.dtype).eps, _TINY, threshold)),
        *(ctypes.c_ulonglong(x.size), at(found), at(place), at(score), at(scored)),
    )
    number = int(found[0])
    order = np.argsort(place[:number])
    return place[:number][order], score[:number][order], int(scored.sum())


def series(kind: str, dtype: str) -> np.ndarray:
    random = np.random.default_rng(3)
    x = random.normal(size=(5, 333)) + {"offset": 1e4}.get(kind, 0)
    if kind == "gaps":
        x[random.random(x.shape) < 0.4] = np.nan
        x[2, 40:160] = np.nan
        x[3, 7] = np.inf
    if kind == "still":
        x[:] = 0.5
        x[1, 100], x[2] = 0.75, 0
    return x.astype(dtype)


KINDS = ("plain", "offset", "gaps", "still")


SPREAD = 12.0
"""No two values of normal numbers here are farther apart."""


def check(x: np.ndarray, window: int, found: Any) -> None:
    """Every value has an alarm at threshold -1, so all scores are compared.

    Either variance is right to ``window * 2.2e-16 * SPREAD**2``, see the class, either mean to
    ``2.2e-16`` of itself and, by its sum, of ``window * SPREAD``: so much of the deviation, twice,
    is what two scores may differ by.
    """
    place, score, scored = found
    wanted = RollingAnomalies(window).scores(xp, x).reshape(-1)
    at = np.flatnonzero(np.isfinite(wanted))
    assert scored == len(at) > 0
    np.testing.assert_array_equal(place, at)
    mean, deviation = windows(x, window)
    eps = np.finfo("float64").eps
    of_squares = abs(wanted) * window * (SPREAD / deviation) ** 2
    of_means = 2 * (mean + window * SPREAD) / deviation
    allowed = eps * (of_squares + of_means)
    assert (abs(score - wanted[at]) <= 4 * eps * abs(score) + allowed[at]).all()


def windows(x: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Absolute mean and deviation of what lies before each value, flat; infinite where still."""
    mean, deviation = np.zeros(x.size), np.full(x.size, np.inf)
    for at in range(x.size):
        row, time = divmod(at, x.shape[1])
        before = x[row, max(0, time - window) : time].astype("float64")
        before = before[np.isfinite(before)]
        if len(before) > 1 and before.std() > 0:
            mean[at], deviation[at] = abs(before.mean()), before.std(ddof=1)
    return mean, deviation


@pytest.mark.parametrize("window", [2, 64, 400])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_arithmetic_of_rolling_scores(
    tmp_path: Path, kind: str, dtype: str, window: int
) -> None:
    x = series(kind, dtype)
    if window == 400:  # one block, longer than the series
        x[:, 250:] = x[:, :83]
    check(x, window, on_the_processor(tmp_path, x, window, -1))


if "cupy" in libraries():  # no part of a run without a GPU

    @pytest.mark.parametrize("window", [2, 64, 400])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_rolling_scores_on_the_gpu(
        monkeypatch: pytest.MonkeyPatch, kind: str, dtype: str, window: int
    ) -> None:
        import cupy

        from jupyter_continuum.analysis import fused

        monkeypatch.setattr(fused, "ROOM", 10)  # it is launched twice
        x = series(kind, dtype)
        there = fused.rolling(cupy.asarray(x), window, -1, slice(0, x.shape[1]), tiny=_TINY)
        check(x, window, [cupy.asnumpy(each) for each in there])
