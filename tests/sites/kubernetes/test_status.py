"""Pods as an API showed them, and as a hostile one might."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jupyter_continuum.sites.kubernetes.status import agent_of, job_of, unschedulable
from jupyter_continuum.sites.protocols import Endpoint, JobState

NAME = "jc-main-lab-0123abcd"


def pod(phase: str = "Pending", *, node: str = "node1", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": NAME, "uid": "u-1"},
        "spec": {"nodeName": node, "activeDeadlineSeconds": 600},
        "status": {"phase": phase, **status},
    }


def container(**state: Any) -> list[dict[str, Any]]:
    return [{"name": "worker", "state": state}]


def event(reason: str, message: str, uid: str = "u-1") -> dict[str, Any]:
    return {"reason": reason, "message": message, "involvedObject": {"uid": uid}}


SHORT_OF_GPUS = [
    {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
    }
]
BACK_OFF = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "no/such:1"'}


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ({"phase": "Pending"}, JobState.QUEUED, ""),
        ({"conditions": SHORT_OF_GPUS}, JobState.QUEUED, "Insufficient nvidia.com/gpu"),
        (
            {"containerStatuses": container(waiting=BACK_OFF)},
            JobState.QUEUED,
            'ImagePullBackOff: Back-off pulling image "no/such:1"',
        ),
        (
            {"containerStatuses": container(waiting={"reason": "ContainerCreating"})},
            JobState.QUEUED,
            "ContainerCreating",
        ),
        ({"phase": "Running"}, JobState.RUNNING, ""),
        ({"phase": "Succeeded"}, JobState.ENDED, ""),
        (
            {"phase": "Failed", "reason": "DeadlineExceeded", "message": "Pod was active"},
            JobState.FAILED,
            "TIMEOUT",
        ),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."},
            JobState.FAILED,
            "Evicted: The node was low on memory.",
        ),
        (
            {
                "phase": "Failed",
                "containerStatuses": container(terminated={"reason": "OOMKilled", "exitCode": 137}),
            },
            JobState.FAILED,
            "OOMKilled",
        ),
        (
            {
                "phase": "Failed",
                "containerStatuses": container(terminated={"reason": "Error", "exitCode": 7}),
            },
            JobState.FAILED,
            "exit 7",
        ),
        (
            {
                "phase": "Failed",
                "containerStatuses": container(terminated={"reason": "Error", "exitCode": 137}),
            },
            JobState.FAILED,
            "SIGKILL",
        ),
    ],
)
def test_a_pod_is_a_job_with_the_real_reason(
    status: dict[str, Any], state: JobState, reason: str
) -> None:
    job = job_of(pod(**status))
    assert job is not None
    assert (job.name, job.id, job.state, job.reason) == (NAME, "u-1", state, reason)


def test_an_event_tells_more_than_the_status() -> None:
    waiting = pod(containerStatuses=container(waiting=BACK_OFF))
    told = event("Failed", 'Failed to pull image "no/such:1": not found')
    others = event("Failed", "Failed to pull image of somebody else", uid="u-2")
    job = job_of(waiting, [others, told])
    assert job is not None
    assert job.reason == 'ImagePullBackOff: Failed to pull image "no/such:1": not found'
    stuck = job_of(pod(), [event("FailedMount", 'secret "jc-x" not found')])
    assert stuck is not None
    assert stuck.reason == 'FailedMount: secret "jc-x" not found'


@pytest.mark.parametrize(
    ("message", "short"),
    [
        (
            "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match node selector.",
            "Insufficient cpu, didn't match node selector",
        ),
        (
            "0/2 nodes are available: 2 Insufficient nvidia.com/gpu. preemption: 0/2 nodes are "
            "available: 2 No preemption victims found for incoming pod.",
            "Insufficient nvidia.com/gpu",
        ),
        ("something else", "something else"),
    ],
)
def test_what_the_scheduler_counts_is_left_out(message: str, short: str) -> None:
    assert unschedulable(message) == short


def test_a_pod_that_dies_of_its_deletion_was_cancelled() -> None:
    dying = pod("Failed", containerStatuses=container(terminated={"exitCode": 143}))
    dying["metadata"]["deletionTimestamp"] = "2026-11-25T21:50:00Z"
    job = job_of(dying)
    assert job is not None
    assert (job.state, job.reason) == (JobState.CANCELLED, "deleted")
    dying["status"] = {"phase": "Pending", "containerStatuses": container(waiting=BACK_OFF)}
    job = job_of(dying)
    assert job is not None
    assert job.state is JobState.CANCELLED
    dying["status"]["phase"] = "Running"
    job = job_of(dying)
    assert job is not None
    assert (job.state, job.reason) == (JobState.RUNNING, "Terminating")


def test_a_job_ends_at_its_deadline() -> None:
    job = job_of(pod("Running", startTime="2026-11-25T21:50:00Z"))
    assert job is not None
    assert job.ends_at == datetime(2026, 11, 25, 22, 0, tzinfo=UTC)


def test_an_agent_is_there_once_its_container_runs() -> None:
    running = pod("Running", containerStatuses=container(running={}))
    agent = agent_of(running)
    assert agent is not None
    assert (agent.job, agent.rank, agent.node) == (NAME, 0, "node1")
    assert agent.endpoints == (Endpoint(host=NAME, port=7786),)
    assert agent_of(pod("Running")) is None
    running["metadata"]["deletionTimestamp"] = "2026-11-25T21:50:00Z"
    assert agent_of(running) is None


@pytest.mark.parametrize("node", ["$(id)", "a;reboot", "../../etc", "a\nb", "", None, 7])
def test_a_node_that_tries_to_be_shell_has_no_name(node: Any) -> None:
    agent = agent_of(pod("Running", node=node, containerStatuses=container(running={})))
    assert agent is not None
    assert agent.node == "unnamed"


@pytest.mark.parametrize("name", ["jc-$(id)", "coredns-1", "", None, "jc-a/../../nodes"])
def test_pods_that_are_not_ours_by_name_are_no_jobs(name: Any) -> None:
    other = pod("Running", containerStatuses=container(running={}))
    other["metadata"]["name"] = name
    assert job_of(other) is None
    assert agent_of(other) is None


def test_words_of_the_site_cannot_steer_a_terminal() -> None:
    job = job_of(pod("Failed", reason="Evi\x1b[2Jcted\nnow", message="x" * 10_000))
    assert job is not None
    assert job.reason.isprintable()
    assert len(job.reason) < 700


@pytest.mark.parametrize("odd", [{}, {"metadata": 1, "status": [], "spec": "x"}])
def test_what_is_no_pod_is_no_job(odd: dict[str, Any]) -> None:
    assert job_of(odd) is None
    assert agent_of(odd) is None


def test_a_pods_own_times_and_the_digest_of_its_image_are_told() -> None:
    image = "docker-pullable://example.org/worker@sha256:" + "ab" * 32
    begun, over = "2026-11-29T12:00:00Z", "2026-11-29T12:05:00Z"
    status = container(terminated={"startedAt": begun, "finishedAt": over})
    status[0]["imageID"] = image
    job = job_of(pod("Succeeded", containerStatuses=status))
    assert job is not None
    assert job.started_at == datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert job.ends_at == datetime(2026, 11, 29, 12, 5, tzinfo=UTC)
    assert job.image == image.partition("://")[2]
    status[0]["imageID"] = "<b>\x1b"
    odd = job_of(pod("Running", containerStatuses=status))
    assert odd is not None
    assert odd.image == ""
