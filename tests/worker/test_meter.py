"""What is summed up of a counter, and that nothing odd in it becomes energy."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.worker import meter as module
from jupyter_continuum.worker.counters import Counter, Unread, find_counters
from jupyter_continuum.worker.meter import Meter, Sum, has_the_node, read_told
from tests.worker.test_counters import zone


def counter(**changes: object) -> Counter:
    told = {
        "source": "rapl", "covers": "package", "name": "intel-rapl:0", "read": lambda: 0.0,
        "most_watts": 500.0,
    }  # fmt: skip
    return Counter(**told | changes)


def taken(of: Counter, *readings: tuple[float | Unread, float]) -> dict[str, object]:
    found = Sum(of)
    for value, now in readings:
        found.take(value, now)
    return found.told(alone=None, share=0.25)


def test_what_was_there_before_is_not_counted():
    told = taken(counter(), (1000.0, 10), (1100.0, 12), (1250.0, 14))
    assert (told["joules"], told["seconds"], told["why"]) == (250, 4, "")
    assert (told["alone"], told["share"]) == (None, 0.25)
    assert taken(counter(exclusive=True), (1.0, 1))["alone"] is True


def test_a_counter_that_begins_anew_is_counted_on():
    told = taken(counter(wraps_at=1000.0), (900.0, 0), (100.0, 1))
    assert (told["joules"], told["why"]) == (200, "")


@pytest.mark.parametrize(
    ("of", "readings", "why"),
    [
        (counter(), [(900.0, 0), (100.0, 1), (200.0, 2)], "went backwards"),
        (counter(), [(0.0, 0), (1e9, 1), (1e9 + 100, 2)], "jumped by"),
        (counter(wraps_at=1000.0), [(0.0, 0), (50.0, 60), (150.0, 61)], "more than once"),
        (counter(wraps_at=1e6), [(900.0, 0), (100.0, 1), (200.0, 2)], "jumped by"),
        (counter(is_power=True), [(100.0, 0), (100.0, 60), (100.0, 61)], "not read for 60 s"),
        (counter(is_power=True), [(100.0, 0), (9e9, 1), (100.0, 2), (100.0, 3)], "cannot be"),
    ],
)
def test_what_is_lost_is_said_for_good_and_the_rest_goes_on(of, readings, why):
    told = taken(of, *readings)
    assert why in told["why"]
    assert told["joules"] == 100


def test_a_counter_that_comes_back_has_lost_nothing_and_one_that_does_not_says_so():
    gone = Unread("it cannot be read (Input/output error)")
    assert taken(counter(), (0.0, 0), (gone, 2))["why"] == str(gone)
    for odd in (float("nan"), float("inf"), -1.0):
        assert taken(counter(), (0.0, 0), (odd, 2))["why"] == "it told no energy"
    told = taken(counter(), (0.0, 0), (gone, 2), (300.0, 4))
    assert (told["joules"], told["seconds"], told["why"]) == (300, 4, "")


def test_a_counter_that_stands_still_measures_nothing():
    assert taken(counter(), (5.0, 0), (5.0, 4))["why"] == ""
    assert taken(counter(), (5.0, 0), (5.0, 60))["why"] == "it stands still"


def test_power_is_summed_up_over_time():
    told = taken(counter(is_power=True), (100.0, 0), (200.0, 2), (200.0, 4))
    assert (told["joules"], told["sampled"]) == (700, True)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20), st.booleans())
def test_no_reading_makes_less_or_more_than_can_be(values, is_power):
    told = taken(counter(is_power=is_power, wraps_at=1e5), *zip(values, range(20), strict=False))
    assert 0 <= told["joules"] <= 500 * 2 * len(values)


def test_a_job_has_its_node_where_slurm_gave_it_all_processors():
    assert has_the_node({"SLURM_CPUS_ON_NODE": "64"}, 64) is True
    assert has_the_node({"SLURM_CPUS_ON_NODE": "63"}, 64) is None
    assert has_the_node({"SLURM_CPUS_ON_NODE": "many"}, 64) is None
    assert has_the_node({}, 64) is None


async def test_a_meter_writes_what_workers_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.01)
    path = zone(tmp_path, "intel-rapl:0", "package-0", "1000000")
    counters = find_counters([], {}, sys=tmp_path)
    meter = Meter(counters, tmp_path / "a.energy", alone=None, share=0.5)
    assert read_told(str(meter.path)) == []
    running = asyncio.create_task(meter.run())
    try:
        async with asyncio.timeout(20):
            while not read_told(str(meter.path)):
                await asyncio.sleep(0.01)
            replacement = Path(f"{path}.new")
            replacement.write_text("3500000\n")
            replacement.replace(path)
            while read_told(str(meter.path))[0]["joules"] != 2.5:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.wait([running])
    [told] = read_told(str(meter.path))
    assert (told["source"], told["covers"], told["share"]) == ("rapl", "package", 0.5)


def test_a_full_disk_ends_no_meter(tmp_path, caplog):
    meter = Meter([counter()], tmp_path / "none" / "a.energy", alone=None, share=None)
    for _ in range(2):
        meter.look(time.monotonic)
    assert caplog.text.count("cannot be told") == 1
    (tmp_path / "half").write_text(json.dumps([{"joules": 1}])[:5])
    assert read_told(os.fspath(tmp_path / "half")) == []
