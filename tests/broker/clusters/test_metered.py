"""What a site says that its counters counted: believed as far as it is possible."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_continuum.broker.clusters.job import JobEntry
from jupyter_continuum.broker.clusters.ledger import job_facts
from jupyter_continuum.broker.clusters.metered import MOST_COUNTERS, read_energy
from jupyter_continuum.broker.messages.records import JobFacts
from jupyter_continuum.planning.metering import Reading
from jupyter_continuum.planning.reconcile import Phase
from tests.broker.clusters.test_joining import GROUP

ROW = {"source": "nvml", "covers": "device", "name": "0", "joules": 12.5, "seconds": 3}


@pytest.mark.parametrize("told", [None, 7, "x", [], {"lab-0-0": None}, {"lab-0-0": [None, 3]}])
def test_what_is_no_reading_is_left_out(told: Any) -> None:
    assert not any(read_energy(told).values())


@pytest.mark.parametrize(
    "change",
    [
        {"joules": -1}, {"joules": True}, {"joules": "12"}, {"joules": 1e300},
        {"joules": float("nan")}, {"seconds": float("inf")}, {"seconds": None},
        {"source": "slurm"}, {"source": []}, {"covers": "moon"},
    ],
)  # fmt: skip
def test_an_impossible_one_is_none(change: dict[str, Any]) -> None:
    told = json.loads(json.dumps({"lab-0-0": [ROW | change, ROW | {"name": "1"}]}))
    assert [each.name for each in read_energy(told)["lab-0-0"]] == ["1"]


def test_words_are_cleaned_and_their_number_is_bounded() -> None:
    odd = ROW | {"name": "\x1b[2J0\n", "why": "x" * 1000, "share": 7, "alone": "yes"}
    [one] = read_energy({"lab-0-0": [odd]})["lab-0-0"]
    assert (one.name, len(one.why), one.share, one.alone) == ("[2J0", 160, None, None)
    many = [ROW | {"name": str(number)} for number in range(1000)]
    assert len(read_energy({"lab-0-0": many})["lab-0-0"]) == MOST_COUNTERS


def test_a_job_keeps_them_on_disk_and_its_facts_name_their_node() -> None:
    job = JobEntry.plan("main", GROUP, 0)
    job.agents[0].energy = read_energy({"a": [ROW]})["a"]
    again = JobEntry.from_disk(json.loads(json.dumps(job.to_disk())))
    assert again.agents[0].energy == [Reading("nvml", "device", "0", 12.5, 3.0)]
    facts = job_facts("lab", again)
    assert JobFacts.model_validate_json(facts.model_dump_json()) == facts
    assert [(each.rank, each.joules) for each in facts.energy] == [(0, 12.5)]


def test_a_sites_accounting_is_of_the_whole_job_once_it_is_over() -> None:
    job = JobEntry.plan("main", GROUP, 0)
    job.started_at, job.site_joules = 100.0, 5000
    assert job_facts("lab", job).energy == []
    job.phase, job.ended_at = Phase.ENDED, 160.0
    [one] = job_facts("lab", job).energy
    assert (one.source, one.joules, one.seconds) == ("slurm", 5000, 60 * len(job.agents))
