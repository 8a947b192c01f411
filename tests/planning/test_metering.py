"""What counters have counted: told again and again, in periods, and of jobs long gone."""

from __future__ import annotations

from typing import Any

from jupyter_continuum.planning.metering import Reading, latest, node_seconds, since, summed


def reading(joules: float, seconds: float, **changes: Any) -> Reading:
    told = {"source": "nvml", "covers": "device", "name": "0"} | changes
    return Reading(joules=joules, seconds=seconds, **told)


def test_an_older_word_changes_nothing_and_a_counter_that_is_no_longer_told_stays():
    known = latest([], [reading(100, 10), reading(5, 10, name="1")])
    now = latest(known, [reading(90, 8), reading(7, 12, name="2")])
    assert {each.name: each.joules for each in now} == {"0": 100, "1": 5, "2": 7}
    assert latest(known, [reading(120, 12)])[0].joules == 120


def test_a_period_has_its_own_part():
    [one, two] = since([reading(100, 10), reading(7, 2, rank=1)], [reading(60, 4)])
    assert (one.joules, one.seconds) == (40, 6)
    assert (two.joules, two.seconds) == (7, 2)


def test_counters_of_one_node_run_side_by_side_and_nodes_add_up():
    assert node_seconds([reading(1, 10), reading(1, 10, name="1"), reading(1, 5, rank=1)]) == 15


def test_sums_of_jobs_long_gone_add_up_job_by_job():
    job = [reading(10, 5, share=0.5), reading(20, 5, name="1", share=0.5, why="it went backwards")]
    [once] = summed(job)
    assert (once.joules, once.seconds, once.share) == (30, 5, 0.5)
    [twice] = summed([once, *job])
    assert (twice.joules, twice.seconds, twice.why) == (60, 10, "it went backwards")
    assert {each.source for each in summed([*job, reading(1, 1, source="rapl")])} == {
        "nvml",
        "rapl",
    }
