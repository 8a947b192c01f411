"""Who does the work: the threads of this process, or the workers of a cluster by kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol
from weakref import WeakSet

from jupyter_continuum.analysis.device import backend
from jupyter_continuum.analysis.gathering import Held, Holders, Made
from jupyter_continuum.analysis.stores import Found, Place, look_at
from jupyter_continuum.cluster.reachability import site_of
from jupyter_continuum.errors import AnalysisError

LOOK_SECONDS = 5.0
"""How often newly joined workers are looked for, and those that have gone."""


@dataclass(frozen=True, slots=True)
class Hands:
    """Workers that are alike."""

    name: str
    """What computes: ``CPU``, ``NVIDIA H200``."""
    slots: int
    """How many chunks they take at a time: one a device, one a thread of a CPU."""
    accelerated: bool
    room: int
    """Bytes that one chunk and its temporaries may take."""
    site: str = ""
    """Where they are, in a cluster of several sites."""


class Crew(Holders, Protocol):
    def look(self) -> Mapping[str, Hands]:
        """Who is there now, by a key of each. AnalysisError when nobody is."""

    def start(self, key: str, work: Callable[..., Made], *given: Any, leave: bool) -> Started:
        """Run ``work(*given)`` on the hands of that key; ``leave`` the partial where it is made."""

    def close(self) -> None:
        """Cancel what has not finished."""


@dataclass(frozen=True, slots=True)
class Started:
    """A task that was started."""

    future: Future[Made]
    held: Any = None
    """The future of its partial, where that stays with the worker."""


class Here:
    """This process: one thread a core, or two on a device, of which one loads."""

    def __init__(self) -> None:
        me = describe()
        slots = 2 if me["accelerated"] else max(1, len(os.sched_getaffinity(0)))
        self._hands = _hands(me, slots=slots, workers=1)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="analysis")

    def look(self) -> Mapping[str, Hands]:
        return {self._hands.name: self._hands}

    def start(self, key: str, work: Callable[..., Made], *given: Any, leave: bool) -> Started:
        return Started(self._pool.submit(work, *given))

    def combine(self, work: Callable[..., Made], first: Held, second: Held) -> Any:
        raise AssertionError("nothing is left with a worker here")

    def report(self, future: Any) -> Future[Made]:
        raise AssertionError("nothing is left with a worker here")

    def fetch(self, futures: Sequence[Any]) -> Sequence[Made]:
        return []

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class OnCluster:
    """The workers of a Dask client. Where all are alike, Dask alone says who gets what."""

    def __init__(self, client: Any, *, stores: Sequence[Place] = (), apart: bool = True) -> None:
        """``client`` is a distributed.Client. With ``stores``, places of zarr arrays, only
        workers take part that can open all of them; the first is what is read, "" where that is
        none. Without ``apart`` all are alike, wherever they are: what is read lies with them, and
        Dask says who has it."""
        if client.asynchronous:
            raise AnalysisError("An analysis needs a Client made without asynchronous=True.")
        self._client = client
        self._stores = tuple(stores)
        self._store = next(filter(None, stores), "")
        self._apart = apart
        self._known: dict[str, dict[str, Any]] = {}
        """What each worker said of itself, by address."""
        self._keys: dict[str, list[str]] = {}
        """Addresses of the workers of each key."""
        self._executors: dict[tuple[str, ...], Executor] = {}
        self._held: WeakSet[Any] = WeakSet()
        """Futures of partials that are not fetched yet."""

    def look(self) -> Mapping[str, Hands]:
        threads: dict[str, int] = self._client.nthreads()
        if not threads:
            raise AnalysisError("The cluster has no workers yet: cluster.wait_for_workers(1).")
        if new := [address for address in threads if address not in self._known]:
            self._known |= self._client.run(describe, *self._stores, workers=new)
        here = {at: about for at, about in self._known.items() if at in threads}
        able = {at: about for at, about in here.items() if "refused" not in about}
        if not able:
            first = here[min(here)]["refused"]
            raise AnalysisError(f"None of the {len(here)} workers can read it: {first}")
        groups: dict[str, list[str]] = {}
        for at, about in sorted(able.items()):
            key = f"{about['model']} at {site_of(at)}" if self._apart else "all"
            groups.setdefault(key, []).append(at)
        self._keys = groups
        return {key: self._hands_of(addresses, threads) for key, addresses in groups.items()}

    def some_worker(self) -> str:
        """The address of one that takes part; AnalysisError when nobody does."""
        self.look()
        return min(min(each) for each in self._keys.values())

    def found(self) -> Found:
        """What the workers see of the store; they must all see the same array."""
        self.look()
        seen: set[Found] = {about["found"] for about in self._known.values() if "found" in about}
        if len(seen) > 1:
            shapes = ", ".join(sorted(str(each.shape) for each in seen))
            raise AnalysisError(
                f"{self._store} is not the same array for all workers (shapes {shapes}): run the "
                "analysis with the workers of one site."
            )
        (one,) = seen
        return one

    def _hands_of(self, addresses: Sequence[str], threads: Mapping[str, int]) -> Hands:
        group = {at: self._known[at] for at in addresses}
        slots = sum(1 if about["accelerated"] else threads[at] for at, about in group.items())
        weakest = min(group, key=lambda at: group[at]["room"] / _share(group[at], threads[at]))
        site = site_of(addresses[0]) if self._apart else ""
        workers = _share(group[weakest], threads[weakest])
        models = sorted({about["model"] for about in group.values()})
        about = group[weakest] | {"model": ", ".join(models)}
        return _hands(about, slots=slots, workers=workers, site=site)

    def start(self, key: str, work: Callable[..., Made], *given: Any, leave: bool) -> Started:
        addresses = self._keys[key]
        pinned = addresses if self._store or len(self._keys) > 1 else []
        if not leave:
            return Started(self._executor(pinned).submit(work, *given))
        held = self._client.submit(work, *given, pure=False, **self._where(pinned))
        self._held.add(held)
        return Started(self.report(held), held)

    def keep(self, site: str, work: Callable[..., Any], *given: Any) -> Any:
        """A future of ``work(*given)`` with a worker of that site."""
        all_ = [at for addresses in self._keys.values() for at in addresses]
        there = [at for at in all_ if not self._apart or site_of(at) == site]
        pinned = there if self._store or len(there) < len(all_) else []
        return self._client.submit(work, *given, pure=False, **self._where(pinned))

    def combine(self, work: Callable[..., Made], first: Held, second: Held) -> Any:
        workers = [at for at in self._known if site_of(at) == first.site]
        both = (first.future, second.future)
        where = {"workers": workers, "allow_other_workers": True}
        combined = self._client.submit(work, *both, **where, pure=False)
        self._held.add(combined)
        return combined

    def report(self, future: Any) -> Future[Made]:
        report: Future[Made] = self._executor([]).submit(without_partial, future)
        return report

    def fetch(self, futures: Sequence[Any]) -> Sequence[Made]:
        from distributed import wait

        pending, keys = list(futures), set(self._keys)
        while pending:  # what was made with a store is made again by workers that can open it alone
            try:
                wait(pending, timeout=LOOK_SECONDS)
                break
            except TimeoutError:
                if self._store and not keys <= set(self.look()):
                    raise AnalysisError(
                        f"Workers that had read parts of {self._store} are gone, with what they "
                        "had made of them: run it again."
                    ) from None
        found: Sequence[Made] = self._client.gather(pending)
        return found

    def close(self) -> None:
        for executor in self._executors.values():
            executor.shutdown(wait=False)
        if self._held:
            self._client.cancel(list(self._held))

    def _executor(self, pinned: Sequence[str]) -> Executor:
        where = tuple(pinned)
        if where not in self._executors:
            self._executors[where] = self._client.get_executor(pure=False, **self._where(pinned))
        return self._executors[where]

    def _where(self, pinned: Sequence[str]) -> dict[str, Any]:
        """Others may take it where all of these have gone, if they can."""
        if not pinned:
            return {}
        return {"workers": list(pinned), "allow_other_workers": not self._store}


def slots_by_site(hands: Mapping[str, Hands]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in hands.values():
        found[each.site] = found.get(each.site, 0) + each.slots
    return found


def without_partial(made: Made) -> Made:
    return replace(made, partial=None)


def here_at() -> str:
    """The site of the worker that this runs on; "" where it is none, or knows of one site only."""
    from distributed import get_worker

    try:
        return site_of(get_worker().address)
    except ValueError:
        return ""


def describe(*stores: Place) -> dict[str, Any]:
    """What computes in this process, how much memory it has for it, and what it sees of stores."""
    here = backend()
    room = here.memory().total
    if not here.accelerated:
        room = min(room, _limit_of_the_worker() or room)
    about = {"model": here.model, "accelerated": here.accelerated, "room": room}
    try:
        seen = [look_at(store) if store else None for store in stores]
    except AnalysisError as error:
        return about | {"refused": str(error)}
    return about | ({"found": seen[0]} if seen and seen[0] else {})


def _limit_of_the_worker() -> int:
    """What Dask lets this worker use, in bytes; 0 where it sets none or this is no worker."""
    from distributed import get_worker

    try:
        return int(get_worker().memory_manager.memory_limit or 0)
    except ValueError:
        return 0


def _share(about: Mapping[str, Any], threads: int) -> int:
    """How many chunks share a worker's memory: a device computes one, and loads in host memory."""
    return 1 if about["accelerated"] else threads


def _hands(about: Mapping[str, Any], *, slots: int, workers: int, site: str = "") -> Hands:
    """Half of what there is: the rest is the process, what is loaded ahead, and kept chunks."""
    return Hands(about["model"], slots, about["accelerated"], about["room"] // (2 * workers), site)
