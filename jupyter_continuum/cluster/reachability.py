"""Which workers can exchange results, and who is asked whether they can. Pure.

A gap is between a worker and a site: what the two cannot dial, in either direction. ``HOME``
stands for the scheduler. Addresses are those of workers; gaps are kept by address.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from jupyter_continuum.relay.address import HOME, parse

Gaps = Mapping[str, frozenset[str]]

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


def usable(one: str, other: str, gaps: Gaps) -> bool:
    """Whether the two workers can exchange results."""
    return one == other or not (
        site_of(other) in gaps.get(one, _NONE) or site_of(one) in gaps.get(other, _NONE)
    )


def barred(
    dependencies: Iterable[Collection[str]], workers: Collection[str], gaps: Gaps
) -> set[str]:
    """Those of ``workers`` that must not be given a task.

    ``dependencies``: who holds each result that the task needs. Costs as much as there are
    gaps, and as much as there are workers only where nobody of a whole site gets at a result.
    """
    out = {worker for worker in workers_with(gaps, workers) if HOME in gaps[worker]}
    for holders in dependencies:
        closed = bool(holders) and frozenset.intersection(
            *(gaps.get(holder, _NONE) for holder in holders)
        )
        for worker in workers if closed else workers_with(gaps, workers):
            if worker not in out and not any(usable(worker, each, gaps) for each in holders):
                out.add(worker)
    return out


def workers_with(gaps: Gaps, workers: Collection[str]) -> list[str]:
    return [worker for worker in gaps if worker in workers]


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
    able = [each for each in looked_at if HOME not in gaps.get(each, _NONE)]
    return next((each for each in able if site not in gaps.get(each, _NONE)), (able or [""])[0])


def pause_seconds(failures: int, chance: float) -> float:
    """How long until a gap is looked at again; ``chance`` from 0 to 1 spreads them."""
    full = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10))
    return full * (0.75 + chance / 4)


def dial_seconds(failures: int) -> float:
    """How long a dial may take: longer each time, since a site may be far away or busy."""
    return min(LONGEST_DIAL_SECONDS, DIAL_SECONDS * 2.0 ** min(failures, 10))
