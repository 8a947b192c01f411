"""Text recorded at Slurm 22.05 and 24.11, read as records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.sites.protocols import Association, JobState
from jupyter_continuum.sites.slurm.nodes import (
    parse_nodes,
    parse_partitions,
    parse_pending,
    parse_walltime,
    states,
)
from jupyter_continuum.sites.slurm.text import (
    job_state,
    parse_associations,
    parse_moment,
    parse_sacct,
    parse_show_job,
    parse_squeue,
    parse_test_only,
    parse_zone,
)

SAMPLES = Path(__file__).parents[2] / "samples" / "slurm"
NODE = "NodeName=n1 CPUAlloc=4 CPUEfctv=16 RealMemory=64000 State={state} Partitions=gpu {more}"
PARTITION = "PartitionName=gpu MaxNodes=4 MaxTime=04:00:00 State={state}"


def sample(release: str, name: str) -> str:
    return (SAMPLES / release / name).read_text()


def columns(text: str, *wanted: int) -> str:
    """The rows of a sample as our own, narrower format would print them."""
    rows = (line.split("|") for line in text.splitlines())
    return "\n".join("|".join(row[at] for at in wanted) for row in rows)


@pytest.mark.parametrize("release", ["22.05", "24.11"])
def test_free_gpus_are_configured_less_allocated(release):
    nodes = parse_nodes(sample(release, "nodes.txt"))
    offers = {
        offer.partition: offer
        for offer in parse_partitions(sample(release, "partitions.txt"), nodes, {"gpu": 3})
    }
    gpu = offers["gpu"]
    assert (gpu.gpus_total, gpu.gpus_free, gpu.gpu_type, gpu.gpus_per_node) == (4, 2, "a100", 4)
    assert (gpu.cpus_free, gpu.nodes_free, gpu.nodes_total) == (15, 0, 1)
    assert (gpu.max_walltime_seconds, gpu.max_nodes, gpu.jobs_pending) == (4 * 3600, None, 3)
    assert gpu.memory_gb_per_node == 62.5
    assert gpu.state == "UP"


def test_an_idle_reserved_or_silent_node_offers_nothing():
    for state in ("IDLE+DRAIN", "DOWN*", "MIXED+PLANNED*", "IDLE+RESERVED", "IDLE~", "MIXED$"):
        nodes = parse_nodes(NODE.format(state=state, more="CfgTRES=gres/gpu=4"))
        (offer,) = parse_partitions(PARTITION.format(state="UP"), nodes, {})
        assert (offer.gpus_free, offer.cpus_free, offer.nodes_total) == (0, 0, 1), state


def test_a_planned_node_is_still_usable():
    nodes = parse_nodes(NODE.format(state="MIXED+PLANNED", more=""))
    (offer,) = parse_partitions(PARTITION.format(state="UP"), nodes, {})
    assert offer.cpus_free == 12


def test_a_partition_that_is_down_has_nothing_free():
    nodes = parse_nodes(NODE.format(state="IDLE", more="CfgTRES=gres/gpu=4"))
    (offer,) = parse_partitions(PARTITION.format(state="DOWN"), nodes, {})
    assert (offer.gpus_free, offer.gpus_total, offer.state) == (0, 4, "DOWN")


def test_without_gpu_accounting_gres_tells():
    more = "Gres=gpu:a100:4(S:0-1) GresUsed=gpu:a100:3(IDX:0,2-3) CfgTRES=cpu=16"
    nodes = parse_nodes(NODE.format(state="MIXED", more=more))
    (offer,) = parse_partitions(PARTITION.format(state="UP"), nodes, None)
    assert (offer.gpus_total, offer.gpus_free, offer.gpu_type) == (4, 1, "a100")
    assert offer.jobs_pending is None


def test_gpus_taken_by_nobody_knows_are_unknown():
    nodes = parse_nodes(NODE.format(state="MIXED", more="Gres=gpu:4 CfgTRES=cpu=16"))
    (offer,) = parse_partitions(PARTITION.format(state="UP"), nodes, {})
    assert (offer.gpus_total, offer.gpus_free) == (4, None)


def test_unknown_nodes_make_unknown_numbers():
    (offer,) = parse_partitions(PARTITION.format(state="UP"), [], {})
    assert (offer.nodes_total, offer.gpus_free, offer.cpus_free) == (None, None, None)
    assert offer.max_walltime_seconds == 4 * 3600


def test_a_waiting_job_counts_in_each_partition_it_names():
    assert parse_pending("   3 gpu\n      2 cpu,gpu\n") == {"gpu": 5, "cpu": 2}


@pytest.mark.parametrize("release", ["22.05", "24.11"])
def test_squeue_rows_are_jobs(release):
    text = columns(sample(release, "squeue.txt"), 0, 2, 4, 5, 6, 7)
    jobs = list(parse_squeue(text, UTC))
    assert len(jobs) == 7
    (waiting,) = [job for job in jobs if job.name == "gpuwait"]
    assert (waiting.state, waiting.reason) == (JobState.QUEUED, "Resources")
    assert waiting.expected_start is not None
    assert waiting.ends_at is None
    (running,) = [job for job in jobs if job.name == "gpujob"]
    assert (running.state, running.reason) == (JobState.RUNNING, "")
    assert running.ends_at is not None
    assert running.ends_at - datetime(2026, 11, 22, 2, 0, tzinfo=UTC) < timedelta(hours=1)


@pytest.mark.parametrize("release", ["22.05", "24.11"])
def test_sacct_rows_are_jobs(release):
    text = columns(sample(release, "sacct.txt"), 0, 1, 3, 4, 6, 6, 9, 12)
    last = {job.name: job for job in parse_sacct(text, UTC)}
    assert last["ok"].state is JobState.ENDED
    assert (last["bad"].state, last["bad"].reason) == (JobState.FAILED, "exit 3")
    assert last["gpujob"].state is JobState.RUNNING


def test_show_job_tells_how_a_job_ended():
    jobs = {job.name: job for job in parse_show_job(sample("24.11", "jobs.txt"), UTC)}
    assert (jobs["bad"].state, jobs["bad"].reason) == (JobState.FAILED, "exit 3")
    assert jobs["ok"].state is JobState.ENDED
    assert jobs["ok"].ends_at == datetime(2026, 11, 22, 2, 45, 58, tzinfo=UTC)
    (waiting,) = parse_show_job(sample("22.05", "jobs.txt"), UTC)
    assert (waiting.name, waiting.reason) == ("gpuwait", "Resources")


@pytest.mark.parametrize(
    ("row", "state", "reason"),
    [
        ("1|n|TIMEOUT|0:0|||None|5", JobState.FAILED, "TIMEOUT"),
        ("1|n|CANCELLED by 3002|0:0|||None|5", JobState.CANCELLED, "CANCELLED"),
        ("1|n|FAILED|0:9|||JobLaunchFailure|5", JobState.FAILED, "signal 9, JobLaunchFailure"),
        ("1|n|OUT_OF_MEMORY|0:125|||OutOfMemory|5", JobState.FAILED,
         "OUT_OF_MEMORY, signal 125, OutOfMemory"),
        ("1|n|NODE_FAIL|1:0|||None|5", JobState.FAILED, "NODE_FAIL, exit 1"),
        ("1|n|PREEMPTED|0:0|||None|5", JobState.FAILED, "PREEMPTED"),
    ],
)  # fmt: skip
def test_how_a_job_ended_is_its_reason(row, state, reason):
    (job,) = parse_sacct(row, UTC)
    assert (job.state, job.reason) == (state, reason)


@pytest.mark.parametrize(
    ("raw", "tres", "joules"),
    [
        ("5000", "cpu=4", 5000),
        ("", "billing=4,cpu=4,energy=123456,mem=1G,node=1", 123456),
        ("0", "energy=0", None),
        ("", "", None),
        ("18446744073709551614", "energy=18446744073709551614", None),
        ("many", "energy=\x1b,xenergy=5", None),
    ],
)
def test_what_a_job_drew_by_its_sites_accounting(raw, tres, joules):
    (job,) = parse_sacct(f"1|n|COMPLETED|0:0|{raw}|{tres}|None|5", UTC)
    assert job.energy_joules == joules
    if not raw:
        (job,) = parse_show_job(f"JobId=1 JobName=n JobState=COMPLETED AllocTRES={tres}", UTC)
        assert job.energy_joules == joules


def test_a_reason_may_hold_the_delimiter():
    (job,) = parse_squeue("7|jc-a|PENDING|odd|reason|N/A|N/A", UTC)
    assert (job.reason, job.expected_start) == ("odd|reason", None)


def test_unfinished_states_are_not_ends():
    assert job_state("COMPLETING") is JobState.RUNNING
    assert job_state("CONFIGURING") is JobState.QUEUED
    assert job_state("WHATEVER") is JobState.FAILED


def test_associations_by_account_and_partition():
    text = "proj_other||\\|x\n"  # fewer columns are no association
    assert parse_associations("proj_1|debug,long|long|\nproj_2|normal||gpu\n" + text) == (
        Association("proj_1", ("debug", "long"), "long", ""),
        Association("proj_2", ("normal",), "", "gpu"),
        *parse_associations(text),
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1-00:00:00", 86_400), ("04:00:00", 14_400), ("30:00", 1_800), ("00:05:00", 300),
        ("2-12", 216_000), ("45", 2_700), ("UNLIMITED", None), ("", None), ("1:2:3:4:5", None),
    ],
)  # fmt: skip
def test_walltimes(text, seconds):
    assert parse_walltime(text) == seconds


def test_times_without_a_zone_are_the_sites_own():
    zone = parse_zone("+0130\n")
    assert zone == timezone(timedelta(minutes=90))
    assert parse_moment("2026-11-22T02:30:00", zone) == datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
    assert parse_moment("1795312800", zone) == datetime.fromtimestamp(1795312800, UTC)
    assert parse_moment("N/A", zone) is None
    assert parse_zone("nonsense") == UTC


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("sbatch: Job 2 to start at 1795313400 using 1 processors on nodes n1 in partition g", 600),
        ("sbatch: Job 2 to start at 1795312799 using 1 processors on nodes n1 in partition g", 0),
        ("note\nsbatch: Job 12 to start at 2026-11-22T02:00:10 using 32 processors on nodes n",
         10),
        ("sbatch: Job 2 to start at N/A using 1 processors", None),
        ("allocation failure: Requested node configuration is not available", None),
        ("", None),
    ],
)  # fmt: skip
def test_when_a_job_would_begin(said, seconds):
    assert parse_test_only(f"1795312800\n{said}\n") == seconds


def test_signs_behind_a_state_are_states():
    assert states("IDLE+DRAIN*") >= {"IDLE", "DRAIN", "NOT_RESPONDING"}


@given(st.text(max_size=400))
def test_no_text_breaks_a_parser(text):
    row = f"1|jc-x|PENDING|{text}|{text}|{text}|{text}|{text}"
    for job in [*parse_squeue(row, UTC), *parse_sacct(row, UTC), *parse_squeue(text, UTC)]:
        assert job.reason.isprintable()
    list(parse_show_job(f"JobId=1 JobName=x JobState={text}", UTC))
    line = f"NodeName={text} State={text} CPUTot={text} CfgTRES={text} Gres={text} Partitions=p"
    parse_partitions(f"PartitionName=p State={text} MaxTime={text}", parse_nodes(line), {})
    parse_associations(text)
    parse_test_only(f"1795312800\n{text}")
    parse_pending(text)
