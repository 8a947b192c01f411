"""The form every analysis has: map -> combine -> finalise.

A chunk becomes a small partial result on a worker's device; partials are combined on the host,
always in the order of the chunks, so that no result depends on which worker was done first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jupyter_continuum.analysis.cuts import Chunk, Layout

if TYPE_CHECKING:
    import numpy as np

P = TypeVar("P")
"""A partial: NumPy arrays and numbers, in whatever containers."""
R = TypeVar("R", covariant=True)


class Analysis(ABC, Generic[P, R]):
    """One analysis with its options; a frozen dataclass, since it travels to the workers."""

    @property
    def writes(self) -> str:
        """The path or URL of a zarr array that it writes into, where it does: only workers that can
        open it take part."""
        return ""

    @abstractmethod
    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        """How an array may be cut; AnalysisError where it does not fit this analysis."""

    def for_chunks(self, chunks: Sequence[Chunk]) -> Analysis[P, R]:
        """What of it travels with a task for ``chunks``: all, where it is not large."""
        return self

    @abstractmethod
    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        """The partial of one chunk: ``block`` is on the device, and has the shape of ``outer``."""

    def put_away(self, partial: Any, chunk: Chunk) -> Any:
        """On the worker, the partial of one chunk as NumPy arrays: what of it travels. Here is the
        place to store the rest, while the device computes for another task."""
        return partial

    @abstractmethod
    def combine(self, first: P, second: P) -> P:
        """The partial of two neighbouring runs of chunks; it may change ``first``."""

    @abstractmethod
    def finalise(self, partial: P) -> R:
        """The result."""


class InOrder(Generic[P]):
    """Combines partials that come in any order along one fixed binary tree.

    The tree depends on the number of chunks alone. Rounding errors grow with its depth, as in
    pairwise summation (Higham, doi:10.1137/0914050), and it holds no more than the partials
    that still miss their neighbour. Two that are not ``together`` are left as they are, and so
    is what they would be part of.
    """

    def __init__(
        self,
        count: int,
        combine: Callable[[P, P], P],
        *,
        together: Callable[[P, P], bool] = lambda _one, _other: True,
    ) -> None:
        self._count = count
        self._combine = combine
        self._together = together
        self._waiting: dict[tuple[int, int], P] = {}

    def add(self, index: int, partial: P, *, level: int = 0) -> None:
        """The partial of a chunk, or of the branch ``index`` among those of ``2**level`` chunks."""
        count = -(-self._count >> level)
        while count > 1:
            other = index ^ 1
            if other < count:
                if (level, other) not in self._waiting:
                    break
                found = self._waiting[level, other]
                if not self._together(partial, found):
                    break
                del self._waiting[level, other]
                pair = (partial, found) if index < other else (found, partial)
                partial = self._combine(*pair)
            level, index, count = level + 1, index // 2, (count + 1) // 2
        self._waiting[level, index] = partial

    @property
    def branches(self) -> list[tuple[int, int, P]]:
        """Level, index and partial of what could not be combined further."""
        return [(level, index, each) for (level, index), each in sorted(self._waiting.items())]

    @property
    def result(self) -> P:
        """Of all chunks, once each was added."""
        (partial,) = self._waiting.values()
        return partial
