"""The commands, as a person runs them, against a real broker and an imitated site."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

import jupyter_continuum as jc
from tests.cli.commands import COMMAND, SECONDS, connect_lab, continuum, told


@pytest.fixture
def site(broker: Any) -> str:
    return connect_lab()


@pytest.fixture
def cluster(site: str) -> str:
    ran = continuum("launch", "--on", "lab/cpu", "--name", "span")
    assert ran.status == 0, ran.err
    assert "1 of 1 workers" in ran.out
    return "span"


def test_a_connected_site_is_listed_with_its_offers(site: str, broker: Any) -> None:
    lab = next(each for each in told("sites") if each["id"] == "lab")
    assert (lab["state"], lab["kind"], lab["name"]) == ("ready", "emulated", "The <lab>")
    assert [offer["id"] for offer in told("offers", "--site", "lab", "--free")] == ["lab/cpu"]
    assert told("offers", "--site", "lab", "--gpu") == []
    assert "lab/cpu" in continuum("offers", "--country", "no").out
    saved = broker.state / "config" / "continuum" / "profiles" / "lab.json"
    assert saved.stat().st_mode & 0o777 == 0o600
    assert json.loads(saved.read_text())["emulated"]["country"] == "NO"


def test_offers_are_ranked_and_a_policy_says_what_it_refuses(site: str, broker: Any) -> None:
    ranked = [each["id"] for each in told("offers", "--sort", "wait")]
    assert ranked[:2] == ["lab/cpu", "local/cores"]
    wide = continuum("offers", "--site", "lab", "--sort", "carbon", "--wide").out
    assert "lab/cpu: not ranked by carbon: lab is on this machine" in wide
    assert "You have no policy" in continuum("offers", "--policy").out
    folder = broker.state / "config" / "continuum"
    (folder / "policy.yaml").write_text("max_carbon_kg: 1\njurisdictions: ['NO']\n")
    assert "lab:carbon_kg" in continuum("offers", "--policy", "--site", "lab").out
    ran = continuum("launch", "--on", "lab/cpu", "--dry-run")
    assert "Your policy refuses this launch" in ran.err
    assert "the country it is in is NO" in ran.out
    assert continuum("launch", "--on", "lab/cpu").status == 1
    fine = continuum("launch", "--on", "lab/cpu", "--dry-run", "--accept", "lab:carbon_kg")
    assert "refuses" not in fine.err
    assert "Accepted for this launch." in fine.out


def test_data_sets_of_ones_own_are_listed_as_soon_as_they_are_written(broker: Any) -> None:
    assert "mauna-loa-co2" in continuum("datasets").out
    folder = broker.state / "config" / "continuum" / "datasets"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_text(
        "id: x\nname: <b>\nurl: file:///data/x.zarr\nsite: lumi\nsize_gb: 2"
    )
    (mine,) = [each for each in told("datasets") if each["id"] == "x"]
    assert (mine["path"], mine["format"], mine["owner"]) == ("/data/x.zarr", "zarr", None)
    assert (mine["size_gb"]["value"], mine["size_gb"]["kind"]) == (2, "user")
    assert "&lt;b&gt;" in jc.datasets()._repr_html_()
    (folder / "y.yaml").write_text("id: y\nname: Y\nurl: nowhere")
    assert "y.yaml, line 3, field url" in continuum("datasets").err


def test_a_disconnected_site_is_gone(site: str, broker: Any) -> None:
    assert continuum("disconnect", "lab").status == 0
    assert all(each["id"] != "lab" for each in told("sites"))
    assert continuum("disconnect", "lab").status == 1


def test_a_dry_run_shows_the_script_and_submits_nothing(site: str) -> None:
    ran = continuum("launch", "--on", "lab/cpu:2", "--dry-run")
    assert ran.status == 0, ran.err
    assert "jupyter_continuum.worker" in ran.out
    assert "Nothing was submitted." in ran.out
    assert told("list") == []


def test_a_cluster_from_launch_to_stop(cluster: str) -> None:
    view = told("list", "span")
    assert view["groups"][0]["workers"][0]["state"] == "ready"
    assert "lab" in continuum("list").out

    attached = jc.attach()
    with attached.get_client() as client:
        assert client.submit(sum, [1, 2, 3]).result(timeout=30) == 6
    assert list(attached.addresses) == ["lab"]
    assert "span: running" in repr(attached)
    assert "on this machine" in continuum("access", "span").out
    assert "nobody is let in" in continuum("access", "span", "--end").out
    assert "nobody is let in" not in continuum("access", "span", "--open").out
    assert [each["site"] for each in attached.places] == ["lab"]

    continuum("scale", "span", "lab", "2")
    attached.wait_for_workers(2)
    assert len(told("logs", "span")) == 2
    assert told("audit") == []

    ran = continuum("stop", "--all")
    assert ran.status == 0, ran.err
    assert "nothing of it is left" in ran.out
    assert [each for each in told("list") if each["state"] != "stopped"] == []


async def test_an_asynchronous_client_is_awaited(cluster: str) -> None:
    async with jc.attach(cluster).get_client(asynchronous=True) as client:
        assert await client.submit(sum, [1, 2]) == 3


def test_an_unknown_word_is_a_usage_line(broker: Any) -> None:
    assert continuum("fly").status == 2


def test_doctor_tells_a_broken_profile_and_fails(site: str, broker: Any) -> None:
    folder = broker.state / "config" / "continuum" / "profiles"
    (folder / "odd.json").write_text('{"site": "odd", "kind": "slurm", "acount": "x"}')
    ran = continuum("doctor")
    assert ran.status == 1
    lines = ran.out.splitlines()
    assert next(line for line in lines if "odd.json" in line).startswith("not ok")
    assert next(line for line in lines if "site lab" in line).startswith("ok")
    assert next(line for line in lines if "broker" in line).startswith("ok")


def test_a_reader_that_has_seen_enough_is_no_error(broker: Any) -> None:
    words = " ".join([*COMMAND, "sites", "--json"])
    done = subprocess.run(
        ["/bin/bash", "-c", f"{words} | head -c1"], capture_output=True, text=True, timeout=SECONDS
    )
    assert done.stdout == "["
    assert done.stderr == ""


def test_an_interrupted_launch_says_what_goes_on(site: str) -> None:
    slow = "queue_seconds=600,delay_ms=1"
    assert continuum("connect", "slow", "--emulated", slow, "--yes").status == 0
    launch = subprocess.Popen(
        [*COMMAND, "launch", "--on", "slow/cpu", "--name", "later"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert launch.stdout is not None
    launch.stdout.readline()
    launch.send_signal(signal.SIGINT)
    _, err = launch.communicate(timeout=SECONDS)
    assert launch.returncode == 130
    assert "the launch goes on" in err
    assert [each["name"] for each in told("list")] == ["later"]


def test_the_wizard_asks_and_connects(broker: Any) -> None:
    """At a terminal: two questions for a site of this machine, none of them secret."""
    answers = b"local\n"
    leader, follower = pty.openpty()
    wizard = subprocess.Popen(
        [*COMMAND, "connect"],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    os.close(follower)
    os.write(leader, answers)
    out, _ = wizard.communicate(timeout=SECONDS)
    os.close(leader)
    assert wizard.returncode == 0, out.decode()
    assert b"Which site?" in out
    assert b"local: ready" in out


def test_a_demo_without_a_browser_leaves_nothing(state: Path) -> None:
    summary = told("demo", "--headless", seconds=180)  # lest it hangs
    assert [site["name"] for site in summary["sites"]] == ["fjord", "glacier", "iberia"]
    assert all(site["tasks"] > 0 and site["seconds"] > 0 for site in summary["sites"])
    pairs = {(link["source"], link["target"]) for link in summary["links"]}
    assert {("fjord", "glacier"), ("iberia", "fjord")} <= pairs
    assert not list((state / "t").glob("jcd-*"))
