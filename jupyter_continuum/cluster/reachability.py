"""Which workers can exchange results, and who is asked whether they can. Pure.

A gap is between a worker and a site: what the two cannot dial, in either direction. ``HOME``
stands for the scheduler. Addresses are those of workers; gaps are kept by address.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from jupyter_continuum.relay.address import HOME, parse

TRIES = 4
"""How many workers of a site are looked at for one that may stand for it."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
DIAL_SECONDS = 2.5
"""How long a first dial may take: a newcomer that cannot be reached is to be shown in 5 s."""
LONGEST_DIAL_SECONDS = 20.0

_NONE: frozenset[str] = frozenset()


@lru_cache(maxsize=4096)
def site_of(address: str) -> str:
    """The site of a worker; "" for one that does not come through the relay."""
    try:
        return parse(address).site if address.startswith("relay://") else ""
    except ValueError:
        return ""


class Gaps:
    """The sites that workers do not reach, by their address. Falsy when all is well.

    Most workers with a gap have the same one as others of their site: they are looked at once.
    """

    def __init__(self, found: Mapping[str, frozenset[str]] = MappingProxyType({})) -> None:
        self._of: dict[str, frozenset[str]] = {}
        self._alike: dict[tuple[str, frozenset[str]], set[str]] = {}
        for worker, sites in found.items():
            self.put(worker, sites)

    def __bool__(self) -> bool:
        return bool(self._of)

    def of(self, worker: str) -> frozenset[str]:
        return self._of.get(worker, _NONE)

    def put(self, worker: str, sites: frozenset[str]) -> None:
        """``worker`` reaches all but ``sites``."""
        before = self._of.pop(worker, _NONE)
        own = site_of(worker)
        if before:
            alike = self._alike[own, before]
            alike.discard(worker)
            if not alike:
                del self._alike[own, before]
        if sites:
            self._of[worker] = sites
            self._alike.setdefault((own, sites), set()).add(worker)

    def usable(self, one: str, other: str) -> bool:
        """Whether the two workers can exchange results."""
        return one == other or not (
            site_of(other) in self.of(one) or site_of(one) in self.of(other)
        )

    def may_take(self, worker: str, dependencies: Iterable[Collection[str]]) -> bool:
        """Whether ``worker`` gets at all results; ``dependencies`` says who holds each."""
        return HOME not in self.of(worker) and all(
            any(self.usable(worker, holder) for holder in holders) for holders in dependencies
        )

    def barred(self, dependencies: Iterable[Collection[str]], workers: Iterable[str]) -> set[str]:
        """Those of ``workers`` that ``may_take`` refuses, found together.

        Costs as much as there are kinds of gaps, and as much as there are workers only where
        nobody of a whole site gets at a result.
        """
        out: set[str] = set()
        for (_, sites), alike in self._alike.items():
            if HOME in sites:
                out |= alike
        for holders in dependencies:
            for (site, sites), alike in self._alike.items():
                if all(site_of(each) in sites or site in self.of(each) for each in holders):
                    out |= alike.difference(holders)
            closed = frozenset.intersection(*map(self.of, holders)) if holders else _NONE
            if closed:
                out.update(each for each in workers if site_of(each) in closed - {HOME})
        return out.intersection(workers)


def representatives(
    newcomer: str, sites: Mapping[str, Sequence[str]], gaps: Gaps, *, turn: int
) -> dict[str, str]:
    """One worker of each other site, to dial ``newcomer`` and to be dialled by it.

    ``sites``: the workers of each site. ``turn`` spreads the work over them, and makes another
    try another pair. A worker that has a gap of its own to the newcomer's site is not asked
    where another can be.
    """
    own = site_of(newcomer)
    chosen = {site: _one_of(members, own, gaps, turn) for site, members in sites.items()}
    return {site: each for site, each in chosen.items() if each and site not in (own, HOME)}


def _one_of(members: Sequence[str], site: str, gaps: Gaps, turn: int) -> str:
    """ "" where none of those that were looked at is reached by the scheduler."""
    count = min(TRIES, len(members))
    looked_at = [members[(turn + step) % len(members)] for step in range(count)]
    able = [each for each in looked_at if HOME not in gaps.of(each)]
    return next((each for each in able if site not in gaps.of(each)), (able or [""])[0])


def pause_seconds(failures: int, chance: float) -> float:
    """How long until a gap is looked at again; ``chance`` from 0 to 1 spreads them."""
    full = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10))
    return full * (0.75 + chance / 4)


def dial_seconds(failures: int) -> float:
    """How long a dial may take: longer each time, since a site may be far away or busy."""
    return min(LONGEST_DIAL_SECONDS, DIAL_SECONDS * 2.0 ** min(failures, 10))
