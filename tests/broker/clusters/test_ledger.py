"""The books of a cluster: what outlives its jobs and its broker."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_continuum.broker.clusters import ledger as books
from jupyter_continuum.broker.clusters.job import JobEntry
from jupyter_continuum.broker.clusters.ledger import Basis, Ledger, job_facts
from jupyter_continuum.planning.reconcile import Phase
from jupyter_continuum.sites.protocols import Job, JobState
from tests.broker.clusters.test_joining import GROUP

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def ended(seconds: float = 60) -> JobEntry:
    job = JobEntry.plan("main", GROUP, 0)
    job.phase, job.submitted_at = Phase.ENDED, NOON.timestamp()
    job.started_at = job.started_after = NOON.timestamp()
    job.ended_at = job.ended_after = at(seconds).timestamp()
    return job


def read_again(ledger: Ledger, now: datetime) -> Ledger:
    stored = json.loads(json.dumps(ledger.to_disk()))
    return Ledger.from_disk(stored, started=NOON, now=now)


def test_a_later_broker_has_the_same_books_and_says_the_gap() -> None:
    ledger = Ledger(Basis(), now=NOON)
    ledger.remember("lab", ended())
    ledger.installed("lab", {"python": "3.11.2"})
    ledger.count([("lab", "home", 7)])
    assert not ledger.watch(at(10))
    assert ledger.watch(at(31)), "what is on disk says that nobody has watched since"
    found = read_again(ledger, at(100))
    assert (found.jobs, found.environments) == (ledger.jobs, ledger.environments)
    assert found.traffic == ledger.traffic
    assert [(gap.start, gap.end) for gap in found.gaps] == [(at(31), at(100))]
    assert len(read_again(found, at(200)).gaps) == 2


@pytest.mark.parametrize("stored", [None, {}, "text", {"watched": "never", "jobs": 3}])
def test_books_that_cannot_be_read_are_a_gap_since_the_start(stored: Any) -> None:
    found = Ledger.from_disk(stored, started=NOON, now=at(100))
    assert [(gap.start, gap.end) for gap in found.gaps] == [(NOON, at(100))]
    assert found.jobs == []


def test_of_long_ended_jobs_the_sums_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "KEPT_JOBS", 2)
    ledger = Ledger(Basis(), now=NOON)
    for seconds in (10, 20, 30, 40, 50):
        ledger.remember("lab", ended(seconds))
    assert len(ledger.jobs) == 2
    sums = ledger.earlier["lab"]
    assert (sums.jobs, sums.seconds, sums.ended) == (3, 60, at(30))
    assert read_again(ledger, NOON).earlier == ledger.earlier


def test_what_a_site_says_of_itself_is_kept_as_far_as_it_looks_like_versions() -> None:
    ledger = Ledger(Basis(), now=NOON)
    said = {
        "python": "3.11.2",
        "hostname": "login1",
        "packages": {"dask": "2026.8.0", "numpy": "<b>", "evil": "1"},
        "libc": ["x"],
        "gpus": [{"model": "NVIDIA A100-SXM4-40GB"}, {"model": "\x1b[2J"}, 7],
    }
    ledger.installed("lab", said)
    ledger.installed("lab", said)
    ledger.installed("lab", {"packages": None, "gpus": "many"})
    first, second = ledger.environments
    assert (first.agents, second.agents) == (2, 1)
    assert first.packages == {"dask": "2026.8.0"}
    assert first.gpus == ["NVIDIA A100-SXM4-40GB"]
    assert "login1" not in first.model_dump_json()


def test_changes_of_a_job_lie_between_two_looks() -> None:
    job = JobEntry.plan("main", GROUP, 0)
    job.submitted_at = job.seen_at = NOON.timestamp()
    looks = [(10, "queued"), (25, "running"), (40, "running"), (55, "ended"), (70, "ended")]
    for second, state in looks:
        job.observe(Job(job.name, "7", JobState(state)), at(second).timestamp())
    seen = job_facts("lab", job)
    assert (seen.started_after, seen.started) == (at(10), at(25))
    assert (seen.ended_after, seen.ended) == (at(40), at(55))
    told = Job(job.name, "7", JobState.ENDED, started_at=at(-9), ends_at=at(9), image="w@sha256:a")
    job.observe(told, at(90).timestamp())
    seen = job_facts("lab", JobEntry.from_disk(job.to_disk()))
    assert (seen.site_started, seen.site_ended, seen.image) == (at(-9), at(9), "w@sha256:a")
    assert seen.ended == at(55)


def test_no_token_and_no_words_of_a_site_are_in_the_books() -> None:
    job = ended()
    job.reason = "exit 1: could not read /home/ada/token"
    text = job_facts("lab", job).model_dump_json()
    assert "ada" not in text
    assert not [agent for agent in job.agents if agent.token in text or agent.id in text]
