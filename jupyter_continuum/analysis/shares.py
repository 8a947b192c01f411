"""Which chunks one task takes, and which site takes them. Pure.

The chunks of an array are one fixed row, and their partials are combined along one fixed binary
tree over it. A task takes a run of neighbours that is a whole branch of that tree, long for a
worker that wants large pieces and short for another, and a site takes its runs from a stretch of
its own. So who took what changes no result, and what a site cannot combine by itself is little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FEW = 8
"""Into how many branches a site's first stretch falls, at most about twice as many."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring chunks that are a branch of the tree."""

    start: int
    stop: int
    level: int
    """It may hold ``2 ** level`` chunks, and fewer only at the end of the array."""

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def index(self) -> int:
        """Its place among the branches of its level."""
        return self.start >> self.level


def run_length(wanted: int, given: int, tasks: int) -> int:
    """How many chunks one task takes, a power of two: what is ``wanted``, and no more than its part
    of the chunks that are ``given`` to so many tasks, so that the last tasks are short."""
    return 1 << max(0, min(wanted, given // max(1, tasks)).bit_length() - 1)


def stretches(count: int, slots: Mapping[str, int]) -> dict[str, range]:
    """The chunks of each site, by its slots, all of them neighbours and together in order."""
    grain = 1 << max(0, (count // (FEW * max(1, len(slots)))).bit_length() - 1)
    found: dict[str, range] = {}
    start, before, total = 0, 0, sum(slots.values())
    for site in sorted(slots):
        before += slots[site]
        stop = count if before == total else _rounded(count * before // total, grain)
        found[site] = range(start, max(start, stop))
        start = found[site].stop
    return found


class Shares:
    """The chunks that nobody has taken yet: a stretch for each site."""

    def __init__(self, count: int, slots: Mapping[str, int]) -> None:
        """``slots`` by site: a site with more of them has a longer stretch."""
        self._count = count
        own = stretches(count, slots)
        self._left = {site: (each.start, each.stop) for site, each in own.items()}

    def __len__(self) -> int:
        """Chunks that are left."""
        return sum(stop - start for start, stop in self._left.values())

    def take(self, site: str, most: int, *, last: bool = False) -> Run | None:
        """The next run of at most ``most`` chunks, a power of two, or None when none are left.

        ``last`` takes from the end of the stretch, so that two kinds of workers of a site do not
        cut each other's runs short. A site whose stretch is used up gets half of the longest.
        """
        start, stop = self._left.get(site, (0, 0))
        if start == stop:
            start, stop = self._from_another()
        if start == stop:
            return None
        run = self._at_end(start, stop, most) if last else self._at_start(start, stop, most)
        self._left[site] = (start, run.start) if last else (run.stop, stop)
        return run

    def put_back(self, run: Run) -> None:
        """A run that nobody does any more: a stretch of its own, for whoever has nothing left."""
        self._left[f"chunks from {run.start}"] = (run.start, run.stop)

    def _from_another(self) -> tuple[int, int]:
        site = max(self._left, key=lambda each: self._left[each][1] - self._left[each][0])
        start, stop = self._left[site]
        half = (stop - start) // 2
        middle = _rounded(start + half, 1 << max(0, (half // 2).bit_length() - 1))
        middle = max(start, min(middle, stop - 1))
        self._left[site] = (start, middle)
        return middle, stop

    def _at_start(self, start: int, stop: int, most: int) -> Run:
        size = most
        while start % size or not (start + size <= stop or stop == self._count):
            size //= 2
        return Run(start, min(start + size, stop), size.bit_length() - 1)

    def _at_end(self, start: int, stop: int, most: int) -> Run:
        size = most
        while (stop - 1) // size * size < start or not (stop % size == 0 or stop == self._count):
            size //= 2
        return Run((stop - 1) // size * size, stop, size.bit_length() - 1)


def _rounded(value: int, grain: int) -> int:
    return (value + grain // 2) // grain * grain
