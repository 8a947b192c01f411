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
from jupyter_continuum.analysis.clusters import _Step
from jupyter_continuum.analysis.cuts import Chunk
from jupyter_continuum.analysis.device import use
from jupyter_continuum.analysis.fused import LLOYD, ROLLING, THREADS, lloyd_fits
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


THREADED = """
#include <math.h>
#include <pthread.h>
#define __global__
#define __shared__
#define __syncthreads() pthread_barrier_wait(&together)
typedef struct { long long x; } place;
static place blockIdx, blockDim, gridDim;
static __thread place threadIdx;
static pthread_barrier_t together;
double shared[6144];
"""
LAUNCH_LLOYD = """
typedef struct {
    const FLOAT *x, *centre, *shift;
    long long rows, features, clusters;
    double *sums, *inertia, *largest;
    long long *farthest;
} given_t;
static given_t given;
static void *one(void *number)
{
    threadIdx.x = (long long)number;
    lloyd(given.x, given.centre, given.shift, given.rows, given.features, given.clusters,
          given.sums, given.inertia, given.largest, given.farthest);
    return 0;
}
void launch(long long blocks, long long threads, given_t all)
{
    pthread_t started[threads];
    given = all;
    gridDim.x = blocks;
    blockDim.x = threads;
    pthread_barrier_init(&together, 0, threads);
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) {
        for (long long t = 0; t < threads; t++) pthread_create(&started[t], 0, one, (void *)t);
        for (long long t = 0; t < threads; t++) pthread_join(started[t], 0);
    }
    pthread_barrier_destroy(&together);
}
"""
POINTERS, NUMBERS = ("x", "centre", "shift"), ("rows", "features", "clusters")
RESULTS = ("sums", "inertia", "largest", "farthest")


class Given(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in POINTERS),
        *((name, ctypes.c_longlong) for name in NUMBERS),
        *((name, ctypes.c_void_p) for name in RESULTS),
    )


def lloyd_on_the_processor(
    folder: Path, x: np.ndarray, centres: np.ndarray, shift: np.ndarray, threads: int
) -> Any:
    """What `fused.lloyd` does in three blocks, whose threads are threads, and wait as they do."""
    kind = {"float32": "float", "float64": "double"}[x.dtype.name]
    (folder / "k.c").write_text(THREADED + LLOYD + LAUNCH_LLOYD)
    words = ["gcc", "-O2", "-shared", "-fPIC", "-pthread", f"-DFLOAT={kind}", "-o", "k.so", "k.c"]
    subprocess.run([*words, "-lm"], cwd=folder, check=True)
    blocks, (rows, features), clusters = 3, x.shape, len(centres)
    sums = np.full((blocks, clusters, features + 1), np.nan)
    inertia, largest = np.full((2, blocks * threads), np.nan)
    farthest = np.full(blocks * threads, -7)
    at = [each.ctypes.data for each in (x, centres, shift)]
    to = [each.ctypes.data for each in (sums, inertia, largest, farthest)]
    given = Given(*at, rows, features, clusters, *to)
    launch = ctypes.CDLL(str(folder / "k.so")).launch
    launch.argtypes = (ctypes.c_longlong, ctypes.c_longlong, Given)
    launch(blocks, threads, given)
    total, most = sums.sum(axis=0), largest.max()
    far = np.where((largest == most) & (farthest >= 0), farthest, rows).min()
    return total[:, :-1], total[:, -1], inertia.sum(), most, far


def points(kind: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Samples that lie near one of seven centres, and those."""
    random = np.random.default_rng(8)
    centres = 20 * random.normal(size=(7, 5)) + {"offset": 1e4}.get(kind, 0)
    x = centres[random.integers(7, size=400)] + random.normal(size=(400, 5))
    if kind == "gaps":
        x[::9, 2], x[4, 1] = np.nan, np.inf
    if kind == "nothing":
        x[:, 3] = np.nan
    return x.astype(dtype), centres


def check_lloyd(x: np.ndarray, centres: np.ndarray, shift: np.ndarray, found: Any) -> None:
    """Who is nearest is plain with such samples; sums of 400 are float64 about their middle."""
    region = tuple(slice(0, each) for each in x.shape)
    step = _Step(tuple(map(tuple, centres.tolist())))
    sums, counts, inertia, most, far = step.partial(xp, x, Chunk(0, region, region))
    np.testing.assert_array_equal(found[1], counts)
    wide = 400 * 100 * np.finfo("float64").eps
    np.testing.assert_allclose(
        found[0] + found[1][:, None] * shift.astype("float64"), sums, rtol=wide, atol=wide
    )
    np.testing.assert_allclose([found[2], found[3]], [inertia, most], rtol=wide)
    np.testing.assert_array_equal(x[found[4]], far)


@pytest.mark.parametrize("threads", [1, 4, 20])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["plain", "offset", "gaps", "nothing"])
def test_the_arithmetic_of_a_step_of_k_means(
    tmp_path: Path, kind: str, dtype: str, threads: int
) -> None:
    """Fewer threads than columns, and so many that they share the clusters."""
    x, centres = points(kind, dtype)
    shift = centres.mean(axis=0).astype(dtype)
    near = (centres - shift).astype(dtype)
    found = lloyd_on_the_processor(tmp_path, x, near, shift, threads)
    with use("numpy"):
        check_lloyd(x, centres, shift, found)


def test_what_a_block_cannot_hold_is_left_to_the_standard() -> None:
    assert lloyd_fits(32, 16, 4)
    assert not lloyd_fits(1000, 64, 4)


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

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("kind", ["plain", "offset", "gaps", "nothing"])
    def test_a_step_of_k_means_on_the_gpu(kind: str, dtype: str) -> None:
        import cupy

        from jupyter_continuum.analysis import fused

        x, centres = points(kind, dtype)
        x = np.tile(x, (THREADS, 1))[: 400 * THREADS // 100 + 1]  # more than a block takes at once
        shift = centres.mean(axis=0).astype(dtype)
        near = cupy.asarray((centres - shift).astype(dtype))
        there = fused.lloyd(cupy.asarray(x), near, cupy.asarray(shift))
        found = [cupy.asnumpy(each) for each in there]
        with use("numpy"):
            check_lloyd(x, centres, shift, [*found[:4], int(found[4])])
