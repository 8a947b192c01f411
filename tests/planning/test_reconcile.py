"""What a group needs next: submit what is missing, end what is too much, know when to stop."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.planning.reconcile import (
    BackOff,
    Decision,
    JobRecord,
    Phase,
    decide,
    job_name,
)

NOW = 10_000.0
CALM = BackOff()


def job(number: int, state: Phase = Phase.RUNNING, **rest: object) -> JobRecord:
    return JobRecord(name=f"jc-{number}", number=number, state=state, **rest)  # type: ignore[arg-type]


def quick(number: int, ended_at: float = NOW, state: Phase = Phase.FAILED) -> JobRecord:
    return job(number, state, started_at=ended_at - 3, ended_at=ended_at, reason="exit 1")


def test_what_is_missing_is_submitted():
    assert decide(3, [job(1)], NOW, CALM).submit == 2
    assert decide(3, [], NOW, CALM).submit == 3


@pytest.mark.parametrize("state", [Phase.PLANNED, Phase.SUBMITTING, Phase.QUEUED, Phase.RUNNING])
def test_a_job_on_its_way_counts(state: Phase):
    assert decide(1, [job(1, state)], NOW, CALM) == Decision(
        reason="1 job in the queue." if state == Phase.QUEUED else ""
    )


def test_the_queues_own_word_is_passed_on():
    decision = decide(1, [job(1, Phase.QUEUED, reason="Priority")], NOW, CALM)
    assert decision.reason == "1 job in the queue: Priority."


def test_scaling_down_ends_queued_jobs_first_then_idle_ones_the_youngest_first():
    jobs = [
        job(1, workers_ready=4),
        job(2, workers_ready=0),
        job(3, workers_ready=4),
        job(4, Phase.QUEUED),
        job(5, Phase.PLANNED),
    ]
    order = ("jc-5", "jc-4", "jc-2", "jc-3", "jc-1")
    for wanted in range(6):
        assert decide(wanted, jobs, NOW, CALM).cancel == order[: 5 - wanted]


def test_a_job_we_already_ended_is_neither_ended_again_nor_counted():
    jobs = [job(1), job(2, cancelled_here=True)]
    assert decide(1, jobs, NOW, CALM) == Decision()
    assert decide(2, jobs, NOW, CALM).submit == 1


def test_a_job_that_reached_its_walltime_is_replaced():
    ended = job(1, Phase.ENDED, started_at=0, ended_at=NOW, reason="TIMEOUT")
    assert decide(1, [ended], NOW, CALM).submit == 1


def test_a_short_walltime_put_to_use_is_no_failure():
    ends = [replace(quick(n, state=Phase.ENDED), worked=True) for n in (1, 2, 3)]
    assert decide(1, ends, NOW, CALM).submit == 1
    crashes = [replace(quick(n), worked=True) for n in (1, 2, 3)]
    assert decide(1, crashes, NOW, CALM).failed


def test_a_cancel_by_hand_is_respected_until_the_person_scales():
    jobs = [job(1), job(2, Phase.CANCELLED, ended_at=NOW - 5)]
    decision = decide(2, jobs, NOW, CALM)
    assert decision.submit == 0
    assert not decision.failed
    assert "cancelled at the site" in decision.reason
    assert "Scale the group" in decision.reason
    assert decide(3, jobs, NOW, CALM).submit == 1
    assert decide(2, jobs, NOW, BackOff(since=NOW)).submit == 1


def test_a_cancel_of_ours_is_replaced():
    ours = job(1, Phase.CANCELLED, cancelled_here=True, ended_at=NOW)
    assert decide(1, [ours], NOW, CALM).submit == 1


def test_a_quick_failure_is_waited_out_longer_each_time():
    for failures, wait in ((1, 5), (2, 10)):
        jobs = [quick(n) for n in range(failures)]
        decision = decide(1, jobs, NOW + 1, CALM)
        assert decision.submit == 0
        assert decision.next_look_seconds == wait - 1
        assert "exit 1" in decision.reason
        assert decide(1, jobs, NOW + wait, CALM).submit == 1


def test_jitter_stretches_the_wait():
    assert decide(1, [quick(1)], NOW, BackOff(jitter=1.4)).next_look_seconds == pytest.approx(7)


def test_three_quick_failures_in_a_row_fail_the_group():
    jobs = [quick(n) for n in (1, 2, 3)]
    decision = decide(1, jobs, NOW + 9999, CALM)
    assert decision.failed
    assert decision.submit == 0
    assert "exit 1" in decision.reason
    assert "scale the group" in decision.reason
    assert decide(1, jobs, NOW + 1, BackOff(since=NOW + 1)).submit == 1


def test_quick_ends_without_an_error_stop_the_group_too():
    assert decide(1, [quick(n, state=Phase.ENDED) for n in (1, 2, 3)], NOW, CALM).failed


def test_a_job_that_failed_before_it_started_counts():
    jobs = [job(n, Phase.FAILED, ended_at=NOW) for n in (1, 2, 3)]
    assert decide(1, jobs, NOW, CALM).failed


def test_a_long_run_in_between_ends_the_streak():
    long = job(3, Phase.FAILED, started_at=NOW - 900, ended_at=NOW + 1)
    jobs = [quick(1), quick(2), long, quick(4, NOW + 60)]
    assert decide(1, jobs, NOW + 65, CALM).submit == 1


def test_a_failed_group_keeps_its_running_jobs_and_still_scales_down():
    jobs = [job(1), job(2), *(quick(n) for n in (3, 4, 5))]
    assert decide(3, jobs, NOW, CALM) == decide(3, jobs, NOW + 9999, CALM)
    assert decide(3, jobs, NOW, CALM).cancel == ()
    assert decide(1, jobs, NOW, CALM).cancel == ("jc-2",)


def test_a_refusal_stops_at_once_with_the_sites_sentence():
    sentence = "siteb: Slurm refused the job: invalid account. Choose another account."
    decision = decide(2, [job(1)], NOW, BackOff(refused=sentence))
    assert decision == Decision(reason=sentence, failed=True)
    assert not decide(1, [job(1)], NOW, BackOff(refused=sentence)).failed


@pytest.mark.parametrize(("misses", "wait"), [(1, 5), (2, 10), (4, 40), (7, 300), (99, 300)])
def test_a_site_that_does_not_answer_is_asked_again_later(misses: int, wait: float):
    backoff = BackOff(misses=misses, missed_at=NOW)
    decision = decide(1, [], NOW, backoff)
    assert decision.next_look_seconds == wait
    assert not decision.failed
    assert "did not answer" in decision.reason
    assert decide(1, [], NOW + wait, backoff).submit == 1


def test_nothing_wanted_ends_everything():
    jobs = [job(1), job(2, Phase.QUEUED), quick(3)]
    assert set(decide(0, jobs, NOW, CALM).cancel) == {"jc-1", "jc-2"}


def test_job_name():
    assert job_name("demo", "siteb-2", "00ff00ff") == "jc-demo-siteb-2-00ff00ff"
    with pytest.raises(ValueError, match="8 hexadecimal"):
        job_name("demo", "siteb", "; rm -rf")


moments = st.one_of(st.none(), st.floats(0, 2 * NOW))
records = st.lists(
    st.builds(
        JobRecord,
        name=st.uuids().map(str),
        number=st.integers(0, 50),
        state=st.sampled_from(Phase),
        workers_ready=st.integers(0, 8),
        worked=st.booleans(),
        started_at=moments,
        ended_at=moments,
        cancelled_here=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda record: record.name,
)
backoffs = st.builds(
    BackOff,
    since=st.floats(0, 2 * NOW),
    refused=st.sampled_from(["", "no"]),
    misses=st.integers(0, 20),
    missed_at=st.floats(0, 2 * NOW),
    jitter=st.floats(0.5, 1.5),
)
OVER = (Phase.ENDED, Phase.FAILED, Phase.CANCELLED)


def live(jobs: list[JobRecord]) -> set[str]:
    return {job.name for job in jobs if job.state not in OVER and not job.cancelled_here}


@given(st.integers(0, 12), records, st.floats(0, 2 * NOW), backoffs)
def test_never_more_than_wanted_and_never_a_strangers_job(
    wanted: int, jobs: list[JobRecord], now: float, backoff: BackOff
):
    decision = decide(wanted, jobs, now, backoff)
    assert 0 <= decision.submit <= max(0, wanted - len(live(jobs)))
    assert set(decision.cancel) <= live(jobs)
    assert len(decision.cancel) == max(0, len(live(jobs)) - wanted)
    assert not (decision.submit and decision.cancel)
    if decision.failed or decision.next_look_seconds is not None:
        assert decision.reason
        assert not decision.submit
    assert decision == decide(wanted, list(reversed(jobs)), now, backoff) or len(
        {job.number for job in jobs}
    ) < len(jobs)


@given(st.integers(0, 12), records)
def test_one_round_of_doing_as_decided_settles_a_healthy_group(wanted: int, jobs: list[JobRecord]):
    settled = BackOff(since=3 * NOW)
    decision = decide(wanted, jobs, NOW, settled)
    after = [
        replace(job, cancelled_here=True) if job.name in decision.cancel else job for job in jobs
    ]
    after += [
        JobRecord(name=f"new-{n}", number=100 + n, state=Phase.QUEUED)
        for n in range(decision.submit)
    ]
    assert len(live(after)) == wanted
    again = decide(wanted, after, NOW, settled)
    assert (again.submit, again.cancel) == (0, ())
