from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.selection import group_of
from jupyter_continuum.cli.arguments import parse
from jupyter_continuum.cli.launch import Progress, plan_of
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.plan import Plan


def options(*words: str) -> Namespace:
    return parse(["launch", *words])


def test_offers_on_the_command_line_make_a_plan() -> None:
    plan = plan_of(
        options("--on", "a/gpu:3", "--on", "b/cpu", "--name", "span", "--walltime", "90")
    )
    found = Plan.model_validate(plan)
    assert found.name == "span"
    assert [(group.offer, group.jobs, group.walltime_minutes) for group in found.groups] == [
        ("a/gpu", 3, 90),
        ("b/cpu", 1, 90),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "name: span\ngroups:\n- {offer: a/gpu, jobs: 3}\n",
        '{"name": "span", "groups": [{"offer": "a/gpu", "jobs": 3}]}',
    ],
)
def test_a_plan_file_is_json_or_yaml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan"
    path.write_text(text)
    plan = plan_of(options("--plan", str(path)))
    assert (plan["name"], plan["groups"][0]["offer"], plan["groups"][0]["jobs"]) == (
        "span",
        "a/gpu",
        3,
    )
    assert plan_of(options("--plan", str(path), "--name", "other"))["name"] == "other"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("groups: [{offer: a/b, gpus: 3}]", "groups.0.gpus"),
        ("groups: []", "groups"),
        ("groups: [{offer: a/b, account: 'x; reboot'}]", "groups.0.account"),
        ("groups: [", "neither JSON nor YAML"),
        ("- 1", "the whole file"),
    ],
)
def test_a_wrong_plan_is_told_with_file_and_field(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(PlanRefused) as caught:
        plan_of(options("--plan", str(path)))
    assert str(path) in str(caught.value)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plan_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlanRefused, match="No such file"):
        plan_of(options("--plan", str(tmp_path / "none")))


@pytest.mark.parametrize("words", [(), ("--plan", "p", "--on", "a/b")])
def test_neither_and_both_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(PlanRefused, match="either --plan"):
        plan_of(options(*words))


@pytest.mark.parametrize("text", ["a", "a/b:", "a/b:x", "a/b:²"])
def test_an_offer_that_is_none_is_told(text: str) -> None:
    with pytest.raises(PlanRefused):
        group_of(text)


def cluster(state: str, ready: int, reason: str = "", name: str = "span") -> dict[str, Any]:
    group = {"name": "a", "state": state, "workers_ready": ready, "workers_wanted": 2}
    return {"name": name, "state": "running", "groups": [group | {"reason": reason}]}


def test_progress_tells_each_change_once_and_sees_the_end() -> None:
    told: list[str] = []
    progress = Progress(told.append)
    progress.watch(cluster("waiting", 0, "Priority"))
    for state, ready in (("waiting", 0), ("partial", 1), ("partial", 1), ("ready", 2)):
        assert not progress.settled
        reason = "Priority" if state == "waiting" else ""
        progress({"kind": "cluster", "cluster": cluster(state, ready, reason)})
        progress({"kind": "cluster", "cluster": cluster("failed", 0, name="another")})
    assert progress.settled
    assert [" ".join(line.split()) for line in told] == [
        "a waiting 0 of 2 workers Priority",
        "a partial 1 of 2 workers",
        "a ready 2 of 2 workers",
    ]


def test_progress_of_a_cluster_stopped_elsewhere_ends() -> None:
    progress = Progress(lambda _: None)
    progress.watch(cluster("waiting", 0))
    with pytest.raises(PlanRefused, match="stopped from elsewhere"):
        progress({"kind": "cluster-gone", "name": "span"})
