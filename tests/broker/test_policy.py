"""A policy over real launches: refused with rule and claim, accepted once, written down."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.policy_file import policy_path
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.workbench.cluster_record import ClusterRecord
from tests.broker.conftest import all_ready, wait_for

PLAN = {"name": "main", "groups": [{"offer": "north/cpu", "walltime_minutes": 1}]}


def test_an_unknown_claim_is_accepted_for_one_launch_and_the_record_says_so(priced: Path) -> None:
    policy_path().write_text("max_carbon_kg: 2\nmax_eur: 100\n")
    run = call_broker("dry_run", plan=PLAN)
    group = run["groups"][0]
    assert (group["eur"]["value"], group["eur"]["kind"]) == (60, "estimated")
    assert group["wait"]["median"] == 0
    assert "nothing here measures" in group["carbon_kg"]["reason"]
    assert "--accept north:carbon_kg" in run["refusal"]
    with pytest.raises(PlanRefused, match="rule max_carbon_kg"):
        call_broker("launch", plan=PLAN)
    with pytest.raises(PlanRefused, match="60 of at most 10 EUR"):
        jc.launch({**PLAN, "policy": {"max_eur": 10}}, accept=["north:carbon_kg"])
    with pytest.raises(PlanRefused, match="needs north:eur"):
        call_broker("launch", plan=PLAN, accept=["north:eur", "north:carbon_kg"])
    stopped = call_broker("policy")["offers"]
    assert stopped["north/cpu"][0]["claim"] == "north:carbon_kg"
    assert {each["rule"] for each in stopped["lumi/standard-g"]} == {"max_eur"}

    jc.launch(PLAN, accept=["north:carbon_kg"])
    wait_for("main", all_ready)
    policy = ClusterRecord("main").data["policy"]
    assert policy["in_force"] is True
    assert policy["limits"] == {"max_carbon_kg": 2, "max_eur": 100}
    accepted = [each for each in policy["findings"] if each["verdict"] == "accepted"]
    assert [(each["rule"], each["site"]) for each in accepted] == [("max_carbon_kg", "north")]
    assert "1 unknown claims were accepted" in policy["said"]
    call_broker("stop", name="main")
    with pytest.raises(PlanRefused):  # it was for that launch
        call_broker("launch", plan=PLAN)


def test_a_policy_that_cannot_be_read_lets_nothing_through(priced: Path) -> None:
    for text, said in (("max_eur: lots\n", "max_eur"), ("max_eur: [", "not YAML")):
        policy_path().write_text(text)
        with pytest.raises(PlanRefused, match=said):
            call_broker("launch", plan=PLAN)
    assert call_broker("clusters") == []


STEPS = ("EUR are spent: soon", "and those that run end soon", "hand over their data and end")


def test_a_cluster_that_nears_its_ceiling_is_warned_of_stops_growing_and_ends(
    priced: Path,
) -> None:
    reached: dict[str, Any] = {}
    deadline = time.monotonic() + 180
    with open_broker() as face:
        face.call("subscribe")
        face.call("launch", plan={**PLAN, "policy": {"max_eur": 65}})
        for event in face.events():
            assert time.monotonic() < deadline, reached
            if not (view := event.get("cluster")):
                continue
            (group,) = view["groups"]
            for step in STEPS:
                if step in group["reason"]:
                    reached.setdefault(step, group)
            if STEPS[-1] in group["reason"] and not group["workers"]:
                break
    assert tuple(reached) == STEPS
    assert reached[STEPS[1]]["workers_ready"] == 1
    assert "its jobs hand over their data and end" in group["reason"]
    spent = float(group["reason"].split()[0])
    assert 35 <= spent <= 65
