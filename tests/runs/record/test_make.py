"""From facts to the record: every number says how it is known, and unknown stays unknown."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from jupyter_continuum.broker.messages.records import EarlierFacts, GapFacts, TrafficFacts
from jupyter_continuum.runs.record.make import make_record
from jupyter_continuum.runs.record.model import GroupPart, RunRecord
from jupyter_continuum.runs.record.schema import PATH, text
from tests.runs.record.facts import CLIENT, at, claim, facts, group, job, notebook


def record(**changes: Any) -> RunRecord:
    return make_record(facts(**changes), client=CLIENT)


def part(made: RunRecord, name: str) -> GroupPart:
    return next(group for group in made.groups if group.name == name)


def test_the_schema_that_ships_is_current_and_holds_a_record() -> None:
    assert PATH.read_text() == text(), "run `python -m jupyter_continuum.runs.record.schema`"
    validator = jsonschema.Draft202012Validator(json.loads(text()))
    for made in (record(), make_record(facts(), client=CLIENT, notebook=notebook())):
        validator.validate(json.loads(made.model_dump_json()))
    broken = json.loads(record().model_dump_json()) | {"totals": None}
    assert not validator.is_valid(broken)


def test_hours_are_of_jobs_cores_and_devices() -> None:
    booster = part(record(), "booster")
    assert booster.wall_hours.value == 0.5
    assert booster.core_hours.value == 0.5 * 2 * 4 * 14
    assert booster.device_hours.value == 0.5 * 2 * 4
    assert booster.wall_hours.kind == "measured"
    assert part(record(), "near").device_hours.value == 0
    assert record().totals.wall_hours.value == 2.5


def test_an_estimate_names_what_it_rests_on_and_the_rest_is_unknown() -> None:
    made = record()
    energy, carbon = part(made, "booster").energy, part(made, "booster").carbon
    assert (energy.kind, energy.value) == ("estimated", 0.5 * 2 * 3)
    assert "a magazine" in energy.source
    assert (carbon.kind, carbon.value) == ("estimated", 0.9)
    assert (part(made, "pods").energy.kind, part(made, "pods").energy.value) == ("unknown", None)
    assert "no power draw of cloud" in part(made, "pods").energy.reason
    assert "this machine" in part(made, "near").energy.reason
    # A sum without two of three would pass for the whole.
    assert made.totals.energy.value is None
    assert "2 of 3 groups" in made.totals.energy.reason


def test_jobs_that_share_a_node_have_their_share_of_its_energy() -> None:
    half = [group("booster", "jupiter", "jupiter/booster", workers_per_node=2)]
    assert part(record(groups=half), "booster").energy.value == 1.5
    claims = [each for each in facts().claims if each.field != "gpus_per_node"]
    unknown = part(record(claims=claims), "booster").energy
    assert unknown.kind == "unknown"
    assert "What part of a node" in unknown.reason


def test_counters_that_told_nothing_are_said() -> None:
    there = [group("pods", "cloud", "cloud/gpu", counters=["rapl"])]
    assert "counters (rapl)" in part(record(groups=there), "pods").energy.reason


def test_bytes_across_borders_are_told_from_those_of_which_nobody_knows() -> None:
    made = record()
    crossed = {(each.source, each.target): each.crosses_border for each in made.traffic}
    assert crossed == {
        ("jupiter", "cloud"): True,
        ("cloud", "cloud"): False,
        ("cloud", "home"): None,
    }
    assert made.totals.bytes_between_sites == 1007
    assert made.totals.bytes_across_borders == 1000
    assert made.totals.bytes_across_unknown_borders == 7
    at_home = record(claims=[*facts().claims, claim("local", "country", "FR", kind="user")])
    assert at_home.totals.bytes_across_unknown_borders == 0


def test_every_host_is_named_and_what_runs_here_is_none() -> None:
    hosts = {(each.site, each.role, each.host, each.port) for each in record().hosts}
    assert hosts == {
        ("jupiter", "login node", "login.example.org", 22),
        ("cloud", "Kubernetes API", "api.example.org", 6443),
        ("jupiter", "worker gateway", "nid001", None),
        ("cloud", "worker gateway", "nid001", None),
    }


def test_versions_and_images_are_of_every_side() -> None:
    made = record()
    assert [each.where for each in made.versions] == ["client", "scheduler", "workers of booster"]
    assert made.versions[2].gpus == ("GH200",) * 4
    assert part(made, "pods").images == ("w@sha256:ab",)
    never = part(record(jobs=[]), "pods")
    assert never.images == ("w:1",)
    assert never.wall_hours.value == 0


def test_a_run_on_a_cluster_that_was_there_has_its_own_part_of_it() -> None:
    before = facts(asked=at(20), ended=None, traffic=[
        TrafficFacts(source="jupiter", target="cloud", bytes=400)
    ])  # fmt: skip
    run = notebook(started=at(20), ended=at(50))
    made = make_record(facts(), client=CLIENT, notebook=run, before=before)
    assert (made.start, made.end, made.complete) == (at(20), at(50), True)
    assert part(made, "booster").wall_hours.value == pytest.approx(10 / 60, abs=1e-6)
    assert part(made, "pods").wall_hours.value == 0.5
    assert made.totals.bytes_across_borders == 600
    assert any("served others" in note for note in made.notes)
    ended_before = make_record(
        facts(jobs=[job("booster", 0, 10)]), client=CLIENT, notebook=run, before=before
    )
    assert part(ended_before, "booster").jobs == ()


def test_jobs_of_which_only_sums_are_kept_count_all_the_same() -> None:
    sums = EarlierFacts(
        group="booster", jobs=3, seconds=7200, least_seconds=7000, most_seconds=7400, ended=at(-9)
    )
    booster = part(record(earlier=[sums]), "booster")
    assert booster.wall_hours.value == 2.5
    assert booster.earlier_jobs == 3
    before = facts(earlier=[sums], asked=at(-5))
    made = make_record(facts(earlier=[sums]), client=CLIENT, notebook=notebook(), before=before)
    assert part(made, "booster").wall_hours.value == 0.5


def test_a_gap_is_said_where_it_matters() -> None:
    gap = GapFacts(start=at(5), end=at(8))
    made = record(gaps=[gap])
    assert [(each.start, each.end) for each in made.gaps] == [(at(5), at(8))]
    assert any("no broker watched" in note for note in made.notes)
    later = facts(asked=at(20))
    run = notebook(started=at(20), ended=at(50))
    assert make_record(facts(gaps=[gap]), client=CLIENT, notebook=run, before=later).gaps == ()
