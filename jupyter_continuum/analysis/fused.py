"""Kernels of our own for CuPy, where a pass over the data does the work of twenty.

Each has its counterpart in functions of the standard, which stays the reference: tests compare the
two on a GPU, and without one the same source on the processor. A source keeps to what C has too.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

THREADS = 128
ROOM = 1 << 16
"""Alarms that a first launch has room for; where there are more it is launched again."""

ROLLING = r"""
__global__ void rolling(const FLOAT *x, long long series, long long length, long long window,
                        long long first, long long last, double least, double eps, double tiny,
                        double threshold, unsigned long long room, unsigned long long *found,
                        long long *place, double *score, long long *scored)
{
    /* One thread a block of `window` values: a window is the end of the block before and the
       start of this one. Sums are about the first finite value of either block. */
    long long blocks = (length + window - 1) / window;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= series * blocks) return;
    const FLOAT *row = x + i / blocks * length;
    long long start = i % blocks * window;
    double c1 = 0, n1 = 0, s1 = 0, q1 = 0, c2 = 0, n2 = 0, s2 = 0, q2 = 0;
    long long mine = 0;
    for (long long t = start - window; t < start && start > 0; t++) {
        double v = row[t];
        if (!isfinite(v)) continue;
        if (n2 == 0) c2 = v;
        n2 += 1; s2 += v - c2; q2 += (v - c2) * (v - c2);
    }
    for (long long t = start; t < start + window && t < length; t++) {
        double v = row[t], count = n1 + n2;
        int good = isfinite(v) != 0;
        if (good && n1 == 0) c1 = v;
        if (good && count >= least && t >= first && t < last) {
            double d1 = s1 / fmax(n1, 1.0), d2 = s2 / fmax(n2, 1.0);
            double gap = (c2 + d2) - (c1 + d1);
            double mean = c1 + d1 + gap * n2 / count;
            double squares = (q1 - s1 * d1) + (q2 - s2 * d2) + gap * gap * (n1 * n2 / count);
            double deviation = sqrt(fmax(squares, 0.0) / (count - 1));
            deviation = fmax(deviation, eps * fabs(mean));
            double z = (v - mean) / (deviation > 0 ? deviation : tiny);
            if (isfinite(z)) {
                mine += 1;
                if (fabs(z) > threshold) {
                    unsigned long long at = atomicAdd(found, 1ULL);
                    if (at < room) { place[at] = i / blocks * length + t; score[at] = z; }
                }
            }
        }
        if (good) { n1 += 1; s1 += v - c1; q1 += (v - c1) * (v - c1); }
        if (start > 0) {
            double u = row[t - window];
            if (isfinite(u)) { n2 -= 1; s2 -= u - c2; q2 -= (u - c2) * (u - c2); }
            if (n2 == 0) s2 = q2 = 0;
        }
    }
    scored[i] = mine;
}
"""


def rolling(
    x: Any, window: int, threshold: float, times: slice, *, tiny: float
) -> tuple[Any, Any, Any]:
    """Flat places (alarms,) in order, their scores, and how many values had one.

    Of series (series, time) in float32 or float64 on CuPy, at ``times``: what
    `RollingAnomalies.scores` gives.
    """
    import cupy

    x = cupy.ascontiguousarray(x)
    series, length = x.shape
    blocks = series * -(-length // window)
    scored = cupy.zeros(blocks, dtype="int64")
    found = cupy.zeros(1, dtype="uint64")
    room, number = 0, ROOM
    while number > room:
        room = number
        found.fill(0)
        place, score = cupy.empty(room, dtype="int64"), cupy.empty(room, dtype="float64")
        _kernel(ROLLING, "rolling", x.dtype.name)(
            (-(-blocks // THREADS),),
            (THREADS,),
            (
                *(x, *map(np.int64, (series, length, window, times.start, times.stop))),
                *map(np.float64, (max(2, -(-window // 2)), np.finfo(x.dtype.name).eps, tiny)),
                *(np.float64(threshold), np.uint64(room), found, place, score, scored),
            ),
        )
        number = int(found[0])
    place, score = place[:number], score[:number]
    order = cupy.argsort(place)
    return place[order], score[order], scored.sum()


@functools.cache
def _kernel(source: str, name: str, dtype: str) -> Any:
    import cupy

    kind = {"float32": "float", "float64": "double"}[dtype]
    return cupy.RawKernel('extern "C" ' + source.lstrip(), name, options=(f"-DFLOAT={kind}",))
