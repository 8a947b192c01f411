"""Which workers get which share of the chunks when some are much faster. Pure.

The danger is the tail: a CPU worker that needs 25 times as long as a GPU, and takes one of the
last chunks, ends the run later than the GPUs alone would have. So a chunk goes to a slow worker
only when that worker is done with it before the fast ones are done with theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

AHEAD = 2
"""Tasks a worker has or awaits: the next one is there when it is done with the last."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Workers that are alike, and what was measured of them."""

    slots: int
    """How many chunks they work on at a time, all together; at least one."""
    seconds: float | None = None
    """For one chunk; None until one was measured."""
    running: int = 0
    """Chunks they have, finished ones left out."""
    accelerated: bool = False
    """Taken for the faster kind as long as nothing is measured."""
    run: int = 1
    """How many chunks one of its tasks takes, one after another."""
    model: str = ""
    """What computes, where that is known: kinds of one model, at several sites, start together."""


def place(chunks: int, kinds: Sequence[Kind]) -> tuple[int, ...]:
    """How many of ``chunks`` equal chunks each kind gets so that the last is done soonest.

    Each kind must have been measured. No split of equal chunks ends sooner, and among those that
    end then this one gives the slower kinds the least. With one GPU kind and one CPU kind a CPU
    worker gets a chunk only while ``t_cpu < remaining * t_gpu / n_gpu``.
    """
    end = min((_soonest(chunks, kinds, kind) for kind in kinds), default=Fraction(0))
    given = [0] * len(kinds)
    for at in sorted(range(len(kinds)), key=lambda at: _seconds(kinds[at])):
        given[at] = min(_done_by(end, kinds[at]), chunks - sum(given))
    return tuple(given)


def end_seconds(kinds: Sequence[Kind], given: Sequence[int]) -> float:
    """When the last of the ``given`` chunks is done by the model; 0 when there are none."""
    ends = [
        -(-(kind.running + number) // kind.slots) * _seconds(kind)
        for kind, number in zip(kinds, given, strict=True)
        if number
    ]
    return float(max(ends, default=0))


def admit(chunks: int, kinds: Sequence[Kind]) -> tuple[int, ...]:
    """How many of the ``chunks`` that are left to send now to each kind.

    A kind that was not measured yet gets one chunk to be measured by, and the accelerated ones,
    where there are any, or kinds that are all of one model, their part of all they can take.
    """
    if not kinds:
        return ()
    best = any(kind.accelerated for kind in kinds)
    alike = len(kinds) == 1 or (kinds[0].model != "" and len({kind.model for kind in kinds}) == 1)
    eager = sum(kind.slots for kind in kinds if alike or kind.accelerated)
    known = [kind for kind in kinds if kind.seconds is not None]
    shares = dict(zip(map(id, known), place(chunks, known), strict=True)) if known else {}
    sent: list[int] = []
    for kind in kinds:
        room = max(0, kind.slots * AHEAD * kind.run - kind.running)
        if kind.seconds is not None:
            wanted = min(room, shares[id(kind)])
        elif alike or (best and kind.accelerated):
            wanted = min(room, -(-chunks * kind.slots // eager))
        else:
            wanted = max(0, 1 - kind.running)
        sent.append(min(wanted, chunks - sum(sent)))
    return tuple(sent)


def _soonest(chunks: int, kinds: Sequence[Kind], last: Kind) -> Fraction:
    """The soonest end of all ``chunks`` that falls on the end of one of ``last``'s."""
    low, high = 0, -(-(last.running + chunks) // last.slots)
    while low < high:  # rounds of ``last``
        middle = (low + high) // 2
        if sum(_done_by(middle * _seconds(last), kind) for kind in kinds) >= chunks:
            high = middle
        else:
            low = middle + 1
    return low * _seconds(last)


def _done_by(end: Fraction, kind: Kind) -> int:
    """How many more chunks a kind is done with by then, a slot taking one at a time."""
    return max(0, int(end // _seconds(kind)) * kind.slots - kind.running)


def _seconds(kind: Kind) -> Fraction:
    """Exactly what was measured: rounding must not cost a kind its last chunk."""
    if not kind.seconds or kind.seconds <= 0:
        raise ValueError("place() needs the measured seconds of each kind, above zero")
    return Fraction(kind.seconds)
