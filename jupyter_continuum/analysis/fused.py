"""Kernels of our own for CuPy, where a pass over the data does the work of twenty.

Each has its counterpart in functions of the standard, which stays the reference: tests compare the
two on a GPU, and without one the same source on the processor. A source keeps to what C has too.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

THREADS = 128
BLOCKS = 1 << 10
"""Of samples at most, whatever the device, so that sums are rounded alike."""
SHARED = 48 << 10
"""Bytes that a block may have on every GPU."""
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


LLOYD = r"""
__global__ void lloyd(const FLOAT *x, const FLOAT *centre, const FLOAT *shift, long long rows,
                      long long features, long long clusters, double *sums, double *inertia,
                      double *largest, long long *farthest)
{
    /* A block takes as many rows at a time as it has threads. Each thread finds the centre that is
       nearest to its row; then each adds up some columns of some clusters, row after row. So
       nothing is added by two threads, and sums are the same every time. The last column counts. */
    extern __shared__ double shared[];
    long long me = threadIdx.x, many = blockDim.x;
    long long width = features + 1, cells = clusters * width;
    long long columns = width < many ? width : many, groups = many / columns;
    double *sum = shared;
    FLOAT *c = (FLOAT *)(sum + cells), *square = c + clusters * features;
    int *label = (int *)(square + clusters);
    for (long long i = me; i < cells; i += many) sum[i] = 0;
    for (long long i = me; i < clusters * features; i += many) c[i] = centre[i];
    __syncthreads();
    for (long long k = me; k < clusters; k += many) {
        square[k] = 0;
        for (long long f = 0; f < features; f++)
            square[k] += c[k * features + f] * c[k * features + f];
    }
    __syncthreads();
    double mine = 0, most = -1;
    long long far = -1;
    for (long long start = blockIdx.x * many; start < rows; start += gridDim.x * many) {
        long long stop = start + many < rows ? start + many : rows;
        if (start + me < stop) {
            const FLOAT *row = x + (start + me) * features;
            int good = 1;
            long long near = 0;
            FLOAT least = 0;
            for (long long f = 0; f < features; f++) good = good && isfinite(row[f]);
            for (long long k = 0; k < clusters; k++) {
                FLOAT product = 0;
                for (long long f = 0; f < features; f++)
                    product += (row[f] - shift[f]) * c[k * features + f];
                FLOAT part = square[k] - 2 * product;
                if (k == 0 || part < least) { least = part; near = k; }
            }
            double distance = good ? 0 : -1;
            for (long long f = 0; f < features && good; f++) {
                FLOAT moved = row[f] - shift[f];
                double left = (double)moved - (double)c[near * features + f];
                distance += left * left;
            }
            if (good) mine += distance;
            if (far < 0 || distance > most) { most = distance; far = start + me; }
            label[me] = good ? (int)near : -1;
        }
        __syncthreads();
        for (long long i = start; i < stop; i++) {
            int k = label[i - start];
            if (k < 0 || k % groups != me / columns) continue;
            for (long long f = me % columns; f < width; f += columns) {
                FLOAT moved = f < features ? x[i * features + f] - shift[f] : 1;
                sum[k * width + f] += moved;
            }
        }
        __syncthreads();
    }
    for (long long i = me; i < cells; i += many) sums[blockIdx.x * cells + i] = sum[i];
    inertia[blockIdx.x * many + me] = mine;
    largest[blockIdx.x * many + me] = most;
    farthest[blockIdx.x * many + me] = far;
}
"""


def lloyd_fits(clusters: int, features: int, itemsize: int) -> bool:
    """Whether a block's memory holds the centres and their sums."""
    return _lloyd_bytes(clusters, features, itemsize) <= SHARED


def _lloyd_bytes(clusters: int, features: int, itemsize: int) -> int:
    width = features + 1
    return 8 * clusters * width + itemsize * clusters * width + 4 * THREADS


def lloyd(x: Any, centres: Any, shift: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Of samples (samples, features) in float32 or float64 on CuPy, less ``shift`` (features,): by
    the centre of ``centres`` (clusters, features) that is nearest, sums and counts; the sum of
    squared distances, the largest of them (-1 where no sample is finite), and whose it is.
    """
    import cupy

    x = cupy.ascontiguousarray(x)
    (rows, features), clusters = x.shape, centres.shape[0]
    blocks = min(BLOCKS, -(-rows // THREADS))
    sums = cupy.empty((blocks, clusters, features + 1), dtype="float64")
    inertia, largest = cupy.empty((2, blocks * THREADS), dtype="float64")
    farthest = cupy.empty(blocks * THREADS, dtype="int64")
    _kernel(LLOYD, "lloyd", x.dtype.name)(
        (blocks,),
        (THREADS,),
        (
            *(x, cupy.ascontiguousarray(centres), cupy.ascontiguousarray(shift)),
            *map(np.int64, (rows, features, clusters)),
            *(sums, inertia, largest, farthest),
        ),
        shared_mem=_lloyd_bytes(clusters, features, x.dtype.itemsize),
    )
    total, most = sums.sum(axis=0), largest.max()
    far = cupy.where((largest == most) & (farthest >= 0), farthest, rows).min()
    return total[:, :-1], total[:, -1], inertia.sum(), most, far


@functools.cache
def _kernel(source: str, name: str, dtype: str) -> Any:
    import cupy

    kind = {"float32": "float", "float64": "double"}[dtype]
    return cupy.RawKernel('extern "C" ' + source.lstrip(), name, options=(f"-DFLOAT={kind}",))
