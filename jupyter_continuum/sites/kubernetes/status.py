"""What the API shows of a Pod, as a job's state with the real reason. Pure.

All text here was written by somebody else: names are checked against a grammar, words are
cleaned before a person reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from jupyter_continuum.sites.kubernetes.pod import CONTAINER, NAME, PORT
from jupyter_continuum.sites.protocols import Agent, Endpoint, Job, JobState

Record = Mapping[str, Any]  # JSON of the API

NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,510}")
_SHORT = re.compile(r"\d+ (?:node\(s\) )?(.+)")
SIGNALS = {137: "SIGKILL", 143: "SIGTERM"}


def job_of(pod: Record, warnings: Iterable[Record] = ()) -> Job | None:
    """The job that ``pod`` is; None when its name is none of ours.

    ``warnings`` are events of the namespace, of this pod or of others.
    """
    meta = mapping(pod.get("metadata"))
    name, status = text(meta.get("name")), mapping(pod.get("status"))
    if not NAME.fullmatch(name):
        return None
    state, reason = _state(status, [each for each in warnings if _is_about(each, meta)])
    if meta.get("deletionTimestamp"):
        # One that waits runs nothing, and will not: kubelet takes its time to say so.
        if state in (JobState.FAILED, JobState.QUEUED):
            state, reason = JobState.CANCELLED, "deleted"
        elif state is JobState.RUNNING:
            reason = "Terminating"
    return Job(
        name=name,
        id=words(meta.get("uid"), 64),
        state=state,
        reason=reason,
        started_at=_began(status),
        ends_at=_end(mapping(pod.get("spec")), status),
        image=_image(status),
    )


def agent_of(pod: Record) -> Agent | None:
    """The agent of a pod whose container has started; its gateway may not listen yet."""
    name = text(mapping(pod.get("metadata")).get("name"))
    if not NAME.fullmatch(name) or not started(pod):
        return None
    node = text(mapping(pod.get("spec")).get("nodeName"))
    checked = node if NODE.fullmatch(node) else "unnamed"
    return Agent(name, 0, checked, (Endpoint(host=name, port=PORT),))


def started(pod: Record) -> bool:
    """Its container runs: the Secret was mounted."""
    status = mapping(pod.get("status"))
    leaving = mapping(pod.get("metadata")).get("deletionTimestamp")
    return status.get("phase") == "Running" and not leaving and "running" in _container(status)


def _state(status: Record, warnings: list[Record]) -> tuple[JobState, str]:
    phase = text(status.get("phase"))
    if phase == "Succeeded":
        return JobState.ENDED, ""
    if phase == "Failed":
        return JobState.FAILED, _failure(status)
    if phase == "Running":
        return JobState.RUNNING, ""
    return JobState.QUEUED, _waiting(status, warnings)


def _failure(status: Record) -> str:
    """``TIMEOUT``, ``OOMKilled``, ``exit 7``, ``Evicted: The node was low on memory``."""
    reason, message = words(status.get("reason")), words(status.get("message"))
    if reason == "DeadlineExceeded":
        return "TIMEOUT"
    if reason:
        return f"{reason}: {message}" if message else reason
    ended = mapping(_container(status).get("terminated"))
    code, why = ended.get("exitCode"), words(ended.get("reason"))
    if why and why not in ("Error", "Completed"):
        detail = words(ended.get("message"))
        return f"{why}: {detail}" if detail else why
    if isinstance(code, int) and code:
        return SIGNALS.get(code, f"exit {code}")
    return message or "the pod failed without a reason"


def _waiting(status: Record, warnings: list[Record]) -> str:
    waiting = mapping(_container(status).get("waiting"))
    reason, message = words(waiting.get("reason")), words(waiting.get("message"))
    if reason in ("ImagePullBackOff", "ErrImagePull"):
        pulls = (words(each.get("message")) for each in warnings if each.get("reason") == "Failed")
        told = next((pull for pull in pulls if pull.startswith("Failed to pull")), "")
        return f"{reason}: {told or message}".removesuffix(": ")
    if reason and reason not in ("ContainerCreating", "PodInitializing"):
        return f"{reason}: {message}" if message else reason
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return unschedulable(text(condition.get("message"))) or words(condition.get("reason"))
    stuck = [each for each in warnings if each.get("reason") != "FailedScheduling"]
    if stuck:
        return f"{words(stuck[-1].get('reason'))}: {words(stuck[-1].get('message'))}"
    return "ContainerCreating" if reason else ""


def unschedulable(message: str) -> str:
    """``0/3 nodes are available: 3 Insufficient nvidia.com/gpu.`` without the counting."""
    _, _, causes = message.partition(" nodes are available: ")
    if not causes:
        return words(message)
    # 1.24 and later add what preemption came to: `preemption: 0/3 nodes are available: ...`
    causes = causes.partition(" preemption: ")[0].strip().removesuffix(".")
    short = (_SHORT.fullmatch(each.strip()) for each in causes.split(", "))
    said = [each[1] if each else "" for each in short]
    return words(", ".join(each for each in said if each) or causes)


def _ours(status: Record) -> Record:
    """The status of our container."""
    for each in status.get("containerStatuses") or ():
        if isinstance(each, Mapping) and each.get("name") == CONTAINER:
            return each
    return {}


def _container(status: Record) -> Record:
    """The state of our container: one of ``waiting``, ``running``, ``terminated``."""
    return mapping(_ours(status).get("state"))


def _image(status: Record) -> str:
    """``example.org/worker@sha256:...``, as the node pulled it; "" while it is not known."""
    found = text(_ours(status).get("imageID")).rpartition("://")[2]
    return found if IMAGE.fullmatch(found) else ""


def _began(status: Record) -> datetime | None:
    state = _container(status)
    return moment(
        (mapping(state.get("running")) or mapping(state.get("terminated"))).get("startedAt")
    )


def _is_about(event: Record, meta: Record) -> bool:
    about = mapping(event.get("involvedObject"))
    return bool(meta.get("uid")) and about.get("uid") == meta.get("uid")


def _end(spec: Record, status: Record) -> datetime | None:
    if ended := moment(mapping(_container(status).get("terminated")).get("finishedAt")):
        return ended
    seconds, begun = spec.get("activeDeadlineSeconds"), moment(status.get("startTime"))
    if begun is None or not isinstance(seconds, int):
        return None
    return begun + timedelta(seconds=seconds)


def moment(value: object) -> datetime | None:
    """A time of the API, which are all in UTC."""
    try:
        return datetime.fromisoformat(text(value).replace("Z", "+00:00"))
    except ValueError:
        return None


def mapping(value: object) -> Record:
    return value if isinstance(value, Mapping) else {}


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def words(value: object, limit: int = 300) -> str:
    """Text of the site that a person will read, on one line."""
    kept = "".join(sign if sign.isprintable() else " " for sign in text(value)[: 4 * limit])
    return " ".join(kept.split())[:limit]
