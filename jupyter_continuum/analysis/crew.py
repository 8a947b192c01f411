"""Who does the work: the threads of this process, or the workers of a cluster by kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from jupyter_continuum.analysis.device import backend
from jupyter_continuum.errors import AnalysisError


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


class Crew(Protocol):
    def look(self) -> Mapping[str, Hands]:
        """Who is there now, by name. AnalysisError when nobody is."""

    def start(self, name: str, work: Callable[..., Any], *given: Any) -> Future[Any]:
        """Run ``work(*given)`` on hands of that name."""

    def close(self) -> None:
        """Cancel what has not finished."""


class Here:
    """This process: one thread a core, or two on a device, of which one loads."""

    def __init__(self) -> None:
        me = describe()
        slots = 2 if me["accelerated"] else max(1, len(os.sched_getaffinity(0)))
        self._hands = _hands(me, slots=slots, workers=1)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="analysis")

    def look(self) -> Mapping[str, Hands]:
        return {self._hands.name: self._hands}

    def start(self, name: str, work: Callable[..., Any], *given: Any) -> Future[Any]:
        return self._pool.submit(work, *given)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class OnCluster:
    """The workers of a Dask client. Where all are alike, Dask alone says who gets what."""

    def __init__(self, client: Any) -> None:  # distributed.Client
        if client.asynchronous:
            raise AnalysisError("An analysis needs a Client made without asynchronous=True.")
        self._client = client
        self._known: dict[str, dict[str, Any]] = {}
        """What each worker said of itself, by address."""
        self._executors: dict[tuple[str, ...], Executor] = {}

    def look(self) -> Mapping[str, Hands]:
        threads: dict[str, int] = self._client.nthreads()
        if not threads:
            raise AnalysisError("The cluster has no workers yet: cluster.wait_for_workers(1).")
        if new := [address for address in threads if address not in self._known]:
            self._known |= self._client.run(describe, workers=new)
        here = {at: about for at, about in self._known.items() if at in threads}
        found = {}
        for name in {about["model"] for about in here.values()}:
            group = {at: about for at, about in here.items() if about["model"] == name}
            slots = sum(1 if about["accelerated"] else threads[at] for at, about in group.items())
            weakest = min(group, key=lambda at: group[at]["room"] / _share(group[at], threads[at]))
            found[name] = _hands(
                group[weakest], slots=slots, workers=_share(group[weakest], threads[weakest])
            )
        return found

    def start(self, name: str, work: Callable[..., Any], *given: Any) -> Future[Any]:
        addresses = sorted(at for at, about in self._known.items() if about["model"] == name)
        alike = len({about["model"] for about in self._known.values()}) == 1
        pinned = () if alike else tuple(addresses)
        if pinned not in self._executors:
            # Others may take it where all of these have gone.
            where = {"workers": list(pinned), "allow_other_workers": True} if pinned else {}
            self._executors[pinned] = self._client.get_executor(pure=False, **where)
        started: Future[Any] = self._executors[pinned].submit(work, *given)
        return started

    def close(self) -> None:
        for executor in self._executors.values():
            executor.shutdown(wait=False)


def describe() -> dict[str, Any]:
    """What computes in this process, and how much memory it has for it."""
    here = backend()
    room = here.memory().total
    if not here.accelerated:
        room = min(room, _limit_of_the_worker() or room)
    return {"model": here.model, "accelerated": here.accelerated, "room": room}


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


def _hands(about: Mapping[str, Any], *, slots: int, workers: int) -> Hands:
    """Half of what there is: the rest is the process, what is loaded ahead, and kept chunks."""
    return Hands(about["model"], slots, about["accelerated"], about["room"] // (2 * workers))
