"""Who is let into a cluster: the agent of a job, once, with an environment that fits."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_continuum.broker.clusters.job import AgentEntry, JobEntry
from jupyter_continuum.broker.clusters.joining import Refusal, grant
from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.cluster.security import make_identity
from jupyter_continuum.planning.resolve import ResolvedGroup

GROUP = ResolvedGroup(
    name="north",
    site="north",
    offer="north/cpu",
    partition="cpu",
    jobs=1,
    nodes=1,
    workers_per_node=2,
    cpus_per_worker=1,
    memory_gb_per_worker=0,
    gpus_per_worker=0,
    gpu_type="",
    walltime_seconds=600,
    account="",
    qos="",
    python="python3",
    prologue="",
)


def ask(agent: AgentEntry, **changes: Any) -> dict[str, Any]:
    job = JobEntry.plan("main", GROUP, 7)
    workers = [
        {"name": f"north-7-0-{number}", "csr": make_identity("x").request} for number in range(2)
    ]
    asked = {"protocol": 1, "environment": environment(), "workers": workers} | changes
    return grant(asked, job=job, agent=agent, group=GROUP, authority=make_authority("main"))


def fresh() -> AgentEntry:
    return AgentEntry(0, "0a0b0c0d", "token")


def test_an_agent_gets_one_certificate_for_each_of_its_workers() -> None:
    granted = ask(fresh())
    assert [worker["name"] for worker in granted["workers"]] == ["north-7-0-0", "north-7-0-1"]
    assert all("BEGIN CERTIFICATE" in worker["certificate"] for worker in granted["workers"])
    assert "PRIVATE" not in str(granted)


def test_a_join_token_is_good_once() -> None:
    agent = fresh()
    agent.granted = True
    with pytest.raises(Refusal, match="was used before"):
        ask(agent)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"protocol": 2}, "Install the same jupyter-continuum"),
        ({"environment": environment() | {"python": "3.9.2"}}, r"Python is 3\.9\.2 there"),
        ({"environment": {}}, "Python is missing there"),
        ({"workers": []}, "other workers than its job has"),
        ({"workers": [{"name": "south-0-0-0", "csr": "x"}] * 2}, "other workers"),
        (
            {"workers": [{"name": f"north-7-0-{n}", "csr": "not a request"} for n in range(2)]},
            "not a certificate request",
        ),
        ({"workers": "north"}, "other workers"),
    ],
)
def test_an_agent_that_does_not_fit_is_refused_in_a_sentence(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        ask(fresh(), **changes)
