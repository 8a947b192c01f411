"""What tests send to workers, which import this: nothing that is slow to import."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupyter_continuum as jc
from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.device import backend
from jupyter_continuum.analysis.method import Analysis


@jc.on_device
def norm(xp: Any, x: Any, *, axis: int = -1) -> Any:
    """The length of vectors."""
    return xp.sqrt(xp.sum(x * x, axis=axis))


@jc.on_device(keep=True)
def double(xp: Any, x: Any, *, by: Any = 2) -> Any:
    return {"twice": x * by, "sum": xp.sum(x), "what": "doubled"}


def where(_: Any = None) -> str:
    return backend().name


@dataclass(frozen=True)
class Sum:
    sum: float
    chunks: int


@dataclass(frozen=True)
class Total(Analysis[tuple[Any, int], Sum]):
    """The sum, along any axis and with no halo."""

    def layout(self, shape: tuple[int, ...], dtype: Any) -> Layout:
        return Layout(axes=tuple(range(len(shape))))

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        return xp.sum(block, dtype=xp.float64), 1

    def combine(self, first: tuple[Any, int], second: tuple[Any, int]) -> tuple[Any, int]:
        return first[0] + second[0], first[1] + second[1]

    def finalise(self, partial: tuple[Any, int]) -> Sum:
        return Sum(float(partial[0]), partial[1])


@dataclass(frozen=True)
class Joined(Analysis[Any, Any]):
    """Partials are arrays, added or put one after another."""

    add: bool

    def layout(self, shape: tuple[int, ...], dtype: Any) -> Layout:
        return Layout(axes=(0,))

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        return block

    def combine(self, first: Any, second: Any) -> Any:
        import numpy as np

        return first + second if self.add else np.concatenate([first, second])

    def finalise(self, partial: Any) -> Any:
        return partial


@dataclass(frozen=True)
class Borders(Analysis[int, int]):
    """How many elements of `numpy.arange` do not see the neighbours they should."""

    def layout(self, shape: tuple[int, ...], dtype: Any) -> Layout:
        return Layout(axes=(0, 1), halo={0: (2, 1), 1: (0, 3)})

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        rows, columns = chunk.outer
        down = xp.arange(rows.start, rows.stop, dtype=block.dtype, device=block.device)
        along = xp.arange(columns.start, columns.stop, dtype=block.dtype, device=block.device)
        return xp.sum(xp.astype(block != 40 * down[:, None] + along[None, :], xp.int64))

    def combine(self, first: int, second: int) -> int:
        return first + second

    def finalise(self, partial: int) -> int:
        return int(partial)


@dataclass(frozen=True)
class Breaks(Total):
    """`Total` on a device that is lost with the first chunk after ``flag`` was made."""

    flag: str = ""

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        if backend().name == "strict":
            try:
                Path(self.flag).unlink()  # one of all workers can
            except FileNotFoundError:
                pass
            else:
                lose_the_device()
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return super().partial(xp, block, chunk)


def lose_the_device() -> None:
    """What CUDA does after such an error: every later call of the process fails."""

    def gone() -> None:
        raise RuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered")

    backend()._wait = gone  # type: ignore[method-assign]


def process(_: Any = None) -> int:
    return os.getpid()


def in_circle(xp: Any, u: Any) -> Any:
    """One where a point of the unit square lies within a quarter of the unit circle."""
    return xp.sum(u * u, axis=1) < 1
