"""Where partials are combined: at the site whose workers made them, or where the run was asked for.

What crosses the wide link to a notebook is then one partial for each branch of the tree that one
site made, and not one for each chunk. That costs two small tasks a partial, so small partials come
as they are; and it is not done for partials that are as large together as they were apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from jupyter_continuum.analysis.method import Analysis, InOrder
from jupyter_continuum.analysis.shares import Run

P = TypeVar("P")
TASK_SECONDS = 1e-3
"""What a task costs a scheduler of Dask at most, by its documentation."""
LINK_BYTES_A_SECOND = 25e6
"""A slow wide link: 200 Mbit/s, as in the measurements that this is about."""
SHRINKS = 0.75
"""A pair of partials that is combined has to be this much smaller to be worth the tasks."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a task made of a run of chunks."""

    partial: Any
    """None where it stays with the worker."""
    seconds: float
    """Of one chunk."""
    nbytes: int
    """Of the partial."""
    site: str
    """Of the worker that made it; "" on this machine and in a cluster of one site."""


@dataclass(frozen=True, slots=True)
class Held:
    """A partial that lies with a worker."""

    future: Any  # distributed.Future of a Made
    nbytes: int
    site: str


class Holders(Protocol):
    """Who keeps partials."""

    def combine(self, work: Callable[..., Made], first: Held, second: Held) -> Any:
        """A future of ``work(first, second)``, where they lie."""

    def report(self, future: Any) -> Future[Made]:
        """What was made, without the partial."""

    def fetch(self, futures: Sequence[Any]) -> Sequence[Made]:
        """What was made, with the partials."""


def stays(nbytes: int) -> bool:
    """Whether a partial takes a wide link longer than its two tasks take the scheduler."""
    return nbytes / LINK_BYTES_A_SECOND > 2 * TASK_SECONDS


def shrinks(apart: int, combined: int) -> bool:
    """Whether two partials were worth combining at their site, by their bytes."""
    return combined <= SHRINKS * apart


@dataclass(frozen=True, slots=True)
class Combine:
    """What combines two partials where they lie. The first is copied: `combine` may change it, and
    what a worker holds is asked for again when another worker is lost."""

    analysis: Analysis[Any, Any]

    def __call__(self, first: Made, second: Made) -> Made:
        from dask.sizeof import sizeof

        both = self.analysis.combine(deepcopy(first.partial), second.partial)
        return Made(both, first.seconds, sizeof(both), first.site)


class Gathering(Generic[P]):
    """The partials of one analysis of ``count`` chunks."""

    def __init__(self, crew: Holders, analysis: Analysis[P, Any], count: int) -> None:
        self._crew = crew
        self._combine = Combine(analysis.for_chunks([]))
        self._here: InOrder[P] = InOrder(count, analysis.combine)
        self._at_sites: InOrder[Held] = InOrder(
            count, self._combine_there, together=self._at_one_site
        )
        self._probe: tuple[int, Any] | None = None
        """Bytes of the first two that were combined, and the future of what they became."""
        self._probed = False
        self.leave = True
        """Whether the next partials stay with their workers; so do those of the first tasks, whose
        size nobody knows."""

    def add(self, run: Run, made: Made, held: Any) -> None:
        """What a task made; ``held`` is its future where the partial stayed."""
        self._decide(made)
        if held is None:
            self._here.add(run.index, made.partial, level=run.level)
        else:
            self._at_sites.add(run.index, Held(held, made.nbytes, made.site), level=run.level)

    @property
    def result(self) -> P:
        """Of all chunks, once each was added. What lies with workers is fetched."""
        left = self._at_sites.branches
        fetched = self._crew.fetch([held.future for _, _, held in left])
        for (level, index, _), made in zip(left, fetched, strict=True):
            self._here.add(index, made.partial, level=level)
        return self._here.result

    def _decide(self, made: Made) -> None:
        if not stays(made.nbytes):
            self.leave = False
        elif self._probe and self._probe[1].done():
            apart, combined = self._probe
            self.leave = self.leave and shrinks(apart, combined.result().nbytes)
            self._probe = None

    def _at_one_site(self, one: Held, other: Held) -> bool:
        return self.leave and one.site == other.site

    def _combine_there(self, first: Held, second: Held) -> Held:
        future = self._crew.combine(self._combine, first, second)
        if not self._probed:
            self._probed = True
            self._probe = (first.nbytes + second.nbytes, self._crew.report(future))
        return Held(future, max(first.nbytes, second.nbytes), first.site)
