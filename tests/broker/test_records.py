"""The record of a real cluster: a known transfer over an imitated border, a stop, a dead broker."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import Unknown
from jupyter_continuum.paths import data_dir
from jupyter_continuum.workbench.cluster_record import ClusterRecord
from tests.broker.conftest import all_ready, emulated, kill_broker, launch, wait_for
from tests.conftest import RunningBroker

Attach = Callable[[str], Any]
SENT = 5_000_000


@pytest.fixture
def two_countries(broker: RunningBroker) -> RunningBroker:
    for site, country in (("north", "NO"), ("south", "CH")):
        call_broker("connect", profile=emulated(site, country=country))
    launch("north/cpu", "south/cpu")
    return broker


def send(client: Any) -> None:
    """From north to south, once."""
    there = client.submit(os.urandom, SENT, workers=["north-0-0-0"], pure=False)
    size = client.submit(len, there, workers=["south-0-0-0"], pure=False)
    assert size.result(timeout=60) == SENT


def secrets() -> list[str]:
    folder = data_dir() / "clusters" / "main"
    stored = json.loads((folder / "cluster.json").read_bytes())
    agents = [a for group in stored["groups"] for job in group["jobs"] for a in job["agents"]]
    key = (folder / "ca.key").read_text().splitlines()
    return [*(agent["token"] for agent in agents), *key, "PRIVATE KEY"]


def test_a_record_tells_what_ran_where_and_what_crossed_a_border(
    two_countries: RunningBroker, client_of: Attach, tmp_path: Path
) -> None:
    send(client_of("main"))
    hidden = [*secrets(), str(two_countries.state), str(data_dir()), getpass.getuser()]
    assert len(hidden) > 6
    wait_for("main", lambda view: any(link["bytes"] > SENT for link in view["links"]))
    running = jc.attach("main").record()  # type: ignore[union-attr]
    assert running.data["complete"] is False
    assert running.data["cluster"]["state"] == "running"
    assert "<script" not in running._repr_html_()
    call_broker("stop", name="main")

    ended = ClusterRecord("main")
    data = ended.data
    assert data["complete"] is True
    assert data["cluster"]["id"] == running.data["cluster"]["id"]
    assert data == ClusterRecord(data["cluster"]["id"]).data | {"written": data["written"]}
    traffic = {(each["source"], each["target"]): each for each in data["traffic"]}
    sent = traffic["north", "south"]
    assert SENT < sent["bytes"] < 1.1 * SENT
    assert (sent["source_country"], sent["target_country"]) == ("NO", "CH")
    assert sent["crosses_border"] is True
    assert traffic["north", "home"]["crosses_border"] is None
    assert (
        SENT
        < data["totals"]["bytes_across_borders"]
        < 1.1 * SENT + traffic["south", "north"]["bytes"]
    )

    life = _seconds(data["cluster"]["ended"]) - _seconds(data["cluster"]["started"])
    for group in data["groups"]:
        hours = group["wall_hours"]
        assert hours["kind"] == "measured"
        assert 0 < hours["least"] <= hours["value"] <= hours["most"] <= life / 3600
        assert "the site's own clock" in hours["source"]
        assert group["core_hours"]["value"] == pytest.approx(2 * hours["value"], rel=1e-3)
        assert (group["energy"]["value"], group["energy"]["kind"]) == (None, "unknown")
        assert "this machine" in group["energy"]["reason"]
        assert [job["state"] for job in group["jobs"]] != ["running"]
    assert [each["where"] for each in data["versions"]] == [
        *("client", "scheduler", "workers of north", "workers of south")
    ]
    assert len({each["packages"]["distributed"] for each in data["versions"]}) == 1
    assert data["hosts"] == []
    assert data["policy"]["in_force"] is False
    live = {(c["about"], c["field"]) for c in data["claims"] if c["kind"] == "live"}
    assert {("north/cpu", "cores_per_node"), ("south/cpu", "max_walltime_h")} <= live
    assert any("imitations" in note for note in data["notes"])

    page = ended.save(tmp_path / "main")
    for text in (page.read_text(), page.with_suffix(".json").read_text()):
        assert not [secret for secret in hidden if secret in text]
    assert [view["id"] for view in call_broker("records")] == [data["cluster"]["id"]]
    with pytest.raises(Unknown, match=r"no record of a cluster 'other'.*lists"):
        ClusterRecord("other")


def test_a_record_outlives_the_broker_and_says_when_nobody_watched(
    two_countries: RunningBroker, client_of: Attach
) -> None:
    send(client_of("main"))
    wait_for("main", lambda view: any(link["bytes"] > SENT for link in view["links"]))
    before = ClusterRecord("main").data
    kill_broker(two_countries.pid)
    assert call_broker("version")["pid"] != two_countries.pid
    wait_for("main", all_ready)
    after = ClusterRecord("main").data
    assert before["gaps"] == []
    (gap,) = after["gaps"]
    assert _seconds(before["cluster"]["started"]) <= _seconds(gap["start"]) < _seconds(gap["end"])
    assert any("no broker watched" in note for note in after["notes"])
    for was, now in zip(before["groups"], after["groups"], strict=True):
        assert [job["id"] for job in was["jobs"]] == [job["id"] for job in now["jobs"]]
        assert was["jobs"][0]["started"] == now["jobs"][0]["started"]
        assert was["wall_hours"]["value"] < now["wall_hours"]["value"]
    assert after["versions"] == before["versions"]
    assert after["claims"] == before["claims"]
    call_broker("stop", name="main")
    ended = ClusterRecord("main").data
    assert ended["gaps"] == after["gaps"]
    assert ended["totals"]["bytes_across_borders"] > SENT


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
