"""What analyses compute with: one floating type a chunk, right sums, pieces that add up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk
from jupyter_continuum.errors import AnalysisError

Span = tuple[tuple[int, int], ...]
"""Starts and stops of a region along some axes; a slice is no key of a dictionary."""


def floating(xp: Any, x: Any) -> Any:
    """``x`` as it is when it is floating, integers as the least of float32 and float64 that holds
    them exactly (64-bit ones rounded). AnalysisError for complex numbers."""
    if xp.isdtype(x.dtype, "real floating"):
        return x
    if xp.isdtype(x.dtype, "complex floating"):
        raise AnalysisError("This analysis is of real numbers: pass the real part, or numpy.abs().")
    small = (xp.bool, xp.int8, xp.int16, xp.uint8, getattr(xp, "uint16", xp.uint8))
    return xp.astype(x, xp.float32 if x.dtype in small else xp.float64)


def binned_sum(xp: Any, values: Any, bins: Any, count: int) -> Any:
    """Sums of ``values`` (n,) by bin, in float64; ``bins`` (n,) are int64 below ``count``.

    The libraries' own bincount, and where there is none the differences of a running sum, whose
    error is that of the whole sum.
    """
    values = xp.astype(values, xp.float64)
    if hasattr(xp, "bincount"):
        return xp.bincount(bins, values, count)
    order = xp.argsort(bins)
    running = xp.cumulative_sum(xp.take(values, order), include_initial=True)
    edges = xp.arange(count + 1, dtype=bins.dtype, device=bins.device)
    at = xp.take(running, xp.searchsorted(xp.take(bins, order), edges))
    return at[1:] - at[:-1]


def need(package: str, what: str) -> AnalysisError:
    """The sentence for a package that a worker lacks."""
    return AnalysisError(
        f"{what} needs {package} on the workers: cluster.install({package!r}), or prepare their "
        f"site --with {package}."
    )


def span(chunk: Chunk, *axes: int) -> Span:
    return tuple((chunk.region[axis].start, chunk.region[axis].stop) for axis in axes)


def add_pieces(
    first: dict[Span, Any], second: Mapping[Span, Any], add: Callable[[Any, Any], Any]
) -> dict[Span, Any]:
    """Partials by the cells they are of; those of the same cells are added."""
    for cells, partial in second.items():
        first[cells] = add(first[cells], partial) if cells in first else partial
    return first


def join(pieces: Mapping[Span, Any], *, leading: tuple[int, ...] = ()) -> np.ndarray:
    """One array from pieces (\\*leading, \\*cells) that cover it."""
    stops = tuple(max(stop for _, stop in each) for each in zip(*pieces, strict=True))
    some = next(iter(pieces.values()))
    whole = np.empty((*leading, *stops), dtype=some.dtype)
    for cells, piece in pieces.items():
        at: tuple[Any, ...] = (..., *(slice(*each) for each in cells))
        whole[at] = piece
    return whole
