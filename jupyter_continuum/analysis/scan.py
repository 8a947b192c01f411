"""An analysis over all chunks of an array, on a cluster or here."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from jupyter_continuum.analysis.crew import (
    LOOK_SECONDS,
    Crew,
    Hands,
    Started,
    here_at,
    slots_by_site,
)
from jupyter_continuum.analysis.cuts import Chunk, cut
from jupyter_continuum.analysis.gathering import Gathering, Made
from jupyter_continuum.analysis.method import Analysis, InOrder
from jupyter_continuum.analysis.on_device import compute
from jupyter_continuum.analysis.opening import begin, lengths_for, wanted_by
from jupyter_continuum.analysis.placement import AHEAD, Kind, admit
from jupyter_continuum.analysis.shares import Run, Shares, run_length
from jupyter_continuum.analysis.sources import Source, load, split

R = TypeVar("R")
SLOWER = 2.0
"""How many times as long a chunk takes somewhere before it is done a second time elsewhere."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    total: int
    by: Mapping[str, int]
    """Chunks done by each kind of worker."""


def run(
    analysis: Analysis[Any, R],
    array: Any,
    *,
    client: Any = None,
    progress: Callable[[Progress], object] | None = None,
) -> R:
    """What ``analysis`` finds in ``array``: a NumPy, Dask, zarr or xarray array, or a zarr path.

    With ``client`` (a Dask Client) on the workers of its cluster, else in the threads of this
    process. Each chunk is loaded, analysed and reduced to a small partial where it is computed, so
    the array may be larger than all memory. A chunk is some whole storage blocks, 256 MiB where
    CPUs take part and else 1 GiB at most, and less where memory is short; a GPU beside CPUs takes
    several in one task. Where workers differ in speed, the first chunks measure them, and a slower
    worker gets a chunk only if it is not what the others would have to wait for.

    A path or URL of a zarr array is opened by the workers: it is enough that some of them can.

    Partials that are not small are combined at each site before they come here, and always along
    one tree over the chunks: with the same chunks and one array library, the same result to the
    bit, whoever computed what and was done first.

    AnalysisError for an empty array, for one that does not fit the analysis, and where a chunk
    fits on no worker. Half precision is computed as single.
    """
    source, crew = begin(array, client, analysis.writes)
    try:
        layout = analysis.layout(source.shape, np.dtype(source.dtype))
        lengths = lengths_for(source, layout, crew.look())
        chunks = cut(source.shape, lengths, layout)
        gathering = Gathering(crew, analysis, len(chunks))
        for stretch, made, held, done in _each(crew, analysis, source, chunks, gathering):
            gathering.add(stretch, made, held)
            if progress:
                progress(done)
        combined = gathering.result
    finally:
        crew.close()
    return analysis.finalise(combined)


@dataclass(frozen=True, slots=True)
class _Task:
    """What runs on a worker, once for each run of chunks."""

    analysis: Analysis[Any, Any]

    def __call__(self, chunks: Sequence[Chunk], numbers: Sequence[int], *given: Any) -> Made:
        """``given`` is each chunk's part and the ``numbers`` of its inputs, chunk after chunk."""
        from dask.sizeof import sizeof

        start = time.perf_counter()
        combined: InOrder[Any] = InOrder(len(chunks), self.analysis.combine)
        left = iter(given)
        for at, (chunk, number) in enumerate(zip(chunks, numbers, strict=True)):
            block = load(next(left), [next(left) for _ in range(number)])
            made = compute(self.analysis.partial, (block,), {"chunk": chunk})
            combined.add(at, self.analysis.put_away(made, chunk))
        seconds = (time.perf_counter() - start) / len(chunks)
        return Made(combined.result, seconds, sizeof(combined.result), here_at())


@dataclass(slots=True)
class _Tally:
    """What is known of workers that are alike."""

    seconds: list[float] = field(default_factory=list)
    """Of one chunk, by each task."""
    running: int = 0
    done: int = 0

    def kind(self, hands: Hands, wanted: int) -> Kind:
        median = statistics.median(self.seconds) if self.seconds else None
        return Kind(hands.slots, median, self.running, hands.accelerated, wanted, hands.name)


def _each(
    crew: Crew,
    analysis: Analysis[Any, Any],
    source: Source,
    chunks: Sequence[Chunk],
    gathering: Gathering[Any],
) -> Iterator[tuple[Run, Made, Any, Progress]]:
    """What each task made, as they are done.

    What a slower kind has not done when a faster one has nothing left to do is repeated there,
    and the first partial counts: a chunk may be far slower than those that were measured.
    """
    running: dict[Future[Any], tuple[Run, str, Started]] = {}
    tallies: dict[str, _Tally] = {}
    finished: set[int] = set()
    repeated: set[int] = set()
    done = 0
    hands = crew.look()
    looked = time.monotonic()
    shares = Shares(len(chunks), slots_by_site(hands))

    def start(key: str, run: Run) -> None:
        own = chunks[run.start : run.stop]
        parts = [split(source.part(chunk)) for chunk in own]
        given = [each for part, inputs in parts for each in (part, *inputs)]
        numbers = [len(inputs) for _, inputs in parts]
        task = _Task(analysis.for_chunks(own))
        started = crew.start(key, task, own, numbers, *given, leave=gathering.leave)
        running[started.future] = (run, key, started)
        tallies[key].running += len(run)

    while done < len(chunks):
        if time.monotonic() - looked > LOOK_SECONDS:
            hands, looked = crew.look(), time.monotonic()
            for future, (run, key, _) in list(running.items()):
                if key not in hands:  # all of them have gone
                    future.cancel()
                    del running[future]
                    others = {other.start for other, _, _ in running.values()}
                    if run.start not in finished | others:
                        shares.put_back(run)
        keys = list(hands)
        wanted = {key: wanted_by(source, chunks[0], hands[key]) for key in keys}
        kinds = [tallies.setdefault(key, _Tally()).kind(hands[key], wanted[key]) for key in keys]
        longest = max(wanted.values())
        for key, kind, number in zip(keys, kinds, admit(len(shares), kinds), strict=True):
            most = run_length(kind.run, number + kind.running, kind.slots * AHEAD)
            last = kind.run < longest
            while number > 0 and (taken := shares.take(hands[key].site, most, last=last)):
                start(key, taken)
                number -= len(taken)
        if not shares:
            for key, run in _repeats(running, keys, kinds, finished | repeated):
                repeated.add(run.start)
                start(key, run)
        for future in wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED).done:
            run, key, started = running.pop(future)
            tallies[key].running -= len(run)
            made = future.result()
            tallies[key].seconds.append(max(made.seconds, 1e-9))
            if run.start in finished:
                continue
            finished.add(run.start)
            done += len(run)
            tallies[key].done += len(run)
            yield run, made, started.held, Progress(done, len(chunks), _by_model(hands, tallies))


def _by_model(hands: Mapping[str, Hands], tallies: Mapping[str, _Tally]) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, tally in tallies.items():
        name = hands[key].name if key in hands else key
        found[name] = found.get(name, 0) + tally.done
    return found


def _repeats(
    running: Mapping[Future[Any], tuple[Run, str, Started]],
    keys: Sequence[str],
    kinds: Sequence[Kind],
    not_again: set[int],
) -> list[tuple[str, Run]]:
    """Runs of slower kinds, for free slots of the fastest."""
    known = {key: kind.seconds for key, kind in zip(keys, kinds, strict=True) if kind.seconds}
    if not known:
        return []
    fastest = min(known, key=lambda key: known[key])
    kind = kinds[keys.index(fastest)]
    slow = [
        run
        for run, key, _ in running.values()
        if run.start not in not_again and known.get(key, np.inf) > SLOWER * known[fastest]
    ]
    return [(fastest, run) for run in slow[: max(0, kind.slots - kind.running)]]
