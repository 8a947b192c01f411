"""Unequal workers: the split by the model, against every other split."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.analysis.placement import AHEAD, Kind, admit, end_seconds, place

SECONDS = st.floats(1e-4, 1e4)
KINDS = st.lists(
    st.builds(Kind, slots=st.integers(1, 40), seconds=SECONDS, running=st.integers(0, 50)),
    min_size=1,
    max_size=4,
)
SLACK = 1e-12
"""Ends are products of floats, rounded once each when they are shown."""


@given(chunks=st.integers(0, 10_000), kinds=KINDS)
def test_every_chunk_is_placed_once(chunks: int, kinds: list[Kind]) -> None:
    shares = place(chunks, kinds)
    assert sum(shares) == chunks
    assert all(share >= 0 for share in shares)


@given(chunks=st.integers(1, 10_000), kinds=KINDS, data=st.data())
def test_it_never_ends_later_than_any_kind_alone(
    chunks: int, kinds: list[Kind], data: st.DataObject
) -> None:
    alone = data.draw(st.integers(0, len(kinds) - 1))
    only = [chunks if at == alone else 0 for at in range(len(kinds))]
    assert end_seconds(kinds, place(chunks, kinds)) <= end_seconds(kinds, only) * (1 + SLACK)


@given(
    chunks=st.integers(1, 9),
    kinds=st.lists(
        st.builds(Kind, slots=st.integers(1, 3), seconds=SECONDS, running=st.integers(0, 4)),
        min_size=1,
        max_size=3,
    ),
)
def test_no_split_ends_sooner(chunks: int, kinds: list[Kind]) -> None:
    best = min(
        end_seconds(kinds, split)
        for split in itertools.product(range(chunks + 1), repeat=len(kinds))
        if sum(split) == chunks
    )
    assert end_seconds(kinds, place(chunks, kinds)) <= best * (1 + SLACK)


@given(chunks=st.integers(0, 1000), kinds=KINDS, data=st.data())
def test_no_more_is_sent_than_is_left_and_fits(
    chunks: int, kinds: list[Kind], data: st.DataObject
) -> None:
    sent = admit(chunks, kinds)
    assert sum(sent) <= chunks
    for kind, number in zip(kinds, sent, strict=True):
        assert 0 <= number <= max(0, AHEAD * kind.slots - kind.running)
    if chunks and not any(kind.running for kind in kinds):
        assert sum(sent), "nothing runs, and nothing is sent"


def test_the_measured_cases() -> None:
    """60 chunks, one GPU and one CPU worker: at 25 times as slow two are worth it, at 5 ten."""
    gpu, cpu = Kind(1, 1.0), Kind(1, 25.0)
    assert place(60, [gpu, cpu]) == (58, 2)
    assert place(60, [gpu, Kind(1, 5.0)]) == (50, 10)
    assert place(24, [gpu, cpu]) == (24, 0)
    assert place(60, [gpu, Kind(4, 100.0)]) == (60, 0)


def test_what_is_not_measured_gets_one_chunk_to_be_measured_by() -> None:
    gpu, cpu = Kind(2, accelerated=True), Kind(16)
    assert admit(100, [gpu, cpu]) == (2 * AHEAD, 1)
    assert admit(100, [Kind(2, 1.0, 4, True), Kind(16, running=1)]) == (0, 0)
    assert admit(100, [cpu]) == (16 * AHEAD,)
    assert admit(100, [cpu, Kind(4)]) == (1, 1)


def test_kinds_of_one_model_at_several_sites_start_together_and_share() -> None:
    """Also where a task takes so many chunks that one site could take them all."""
    north, south = Kind(2, model="CPU"), Kind(6, model="CPU")
    assert admit(100, [north, south]) == (4, 12)
    north, south = Kind(2, run=64, model="CPU"), Kind(6, run=64, model="CPU")
    assert admit(16, [north, south]) == (4, 12)
    assert admit(1000, [Kind(1, run=4, accelerated=True), Kind(9)]) == (8, 1)


def test_a_kind_without_measure_cannot_be_placed() -> None:
    with pytest.raises(ValueError, match="measured seconds"):
        place(3, [Kind(1)])
