"""A probe at sites of this machine: a real job, real bytes, and nothing of it left."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.errors import ContinuumError, PlanRefused, Unknown
from jupyter_continuum.paths import data_dir, socket_dir
from tests.broker.conftest import View, emulated, kill_broker
from tests.conftest import RunningBroker

NOWHERE = "127.0.0.1:9"


def probe(site: str, **asked: object) -> View:
    view: View = call_broker("probe", site=site, **({"outbound": NOWHERE} | asked))
    return view


def left_over() -> list[str]:
    """Job folders and notes on disk."""
    folders = [str(path) for path in (socket_dir() / "sites").glob("*/jobs/*")]
    return folders + [str(path) for path in (data_dir() / "reach").glob("*.job")]


def rows(view: View) -> dict[str, View]:
    return {row["what"]: row for row in view["rows"]}


def until_nothing_is_left() -> None:
    deadline = time.monotonic() + 20
    while left_over():
        assert time.monotonic() < deadline, left_over()
        time.sleep(0.1)


@pytest.fixture
def clean(broker: RunningBroker) -> Iterator[RunningBroker]:
    """Afterwards no job is left, and audit finds none."""
    yield broker
    assert call_broker("audit", end=False) == []
    assert left_over() == []


def site_view(site: str) -> View:
    return next(view for view in call_broker("sites") if view["id"] == site)


def until(site: str, word: str) -> None:
    """Wait until the site's probe is as far as ``word``."""
    with open_broker() as face:
        face.call("subscribe")
        for event in face.events():
            mine = event["kind"] == "site" and event["site"]["id"] == site
            if mine and word in event["site"]["probing"]:
                return


@contextmanager
def queued_probe() -> Iterator[None]:
    """A probe at a site whose queue is long; afterwards its caller has been told of its end."""
    call_broker("connect", profile=emulated("slow", queue_seconds=600))
    told: list[object] = []

    def call() -> None:
        try:
            told.append(probe("slow"))
        except ContinuumError as error:
            told.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    until("slow", "PENDING: Priority, est. ")
    yield
    caller.join(30)
    assert told


@pytest.mark.parametrize("site", ["local", "north"])
def test_a_probe_measures_and_leaves_nothing(clean: RunningBroker, site: str) -> None:
    if site == "north":
        call_broker("connect", profile=emulated(site))
    view = probe(site)
    assert view["reachable"]
    found = rows(view)
    assert found["A socket of this machine"]["verdict"] == "works"
    assert found["Python"]["found"].startswith(sys.executable)
    assert found["Outbound network"]["found"].startswith(f"{NOWHERE} refused")
    assert found["pip install in a job"]["verdict"] == "fails"
    assert view["chosen"] == "Workers are reached by a socket of this machine."
    now = site_view(site)
    assert now["reach"] == view == call_broker("reach", site=site)
    assert now["probing"] == ""


def test_what_was_measured_is_there_after_a_restart(clean: RunningBroker) -> None:
    view = probe("local")
    kill_broker(clean.pid)
    assert call_broker("reach", site="local") == view


def test_progress_says_what_the_queue_says(clean: RunningBroker) -> None:
    with queued_probe():
        call_broker("cancel_probe", site="slow")
    assert site_view("slow")["probing"] == ""
    assert left_over() == []


def test_a_job_that_never_starts_is_cancelled_at_the_limit(clean: RunningBroker) -> None:
    call_broker("connect", profile=emulated("slow", queue_seconds=600))
    with pytest.raises(ContinuumError, match=r"did not start within 0\.02 min .*--wait MINUTES"):
        probe("slow", wait_minutes=0.02)
    assert site_view("slow")["reach"] is None


def test_one_probe_a_site(clean: RunningBroker) -> None:
    with queued_probe():
        with pytest.raises(ContinuumError, match="slow is being probed already: PENDING"):
            probe("slow")
        assert call_broker("audit", end=False) == []
        call_broker("cancel_probe", site="slow")


def test_disconnecting_ends_the_probe_first(clean: RunningBroker) -> None:
    with queued_probe():
        call_broker("disconnect", site="slow")
    assert left_over() == []


def test_another_login_ends_the_probe_of_the_old_one(clean: RunningBroker) -> None:
    with queued_probe():
        call_broker("connect", profile=emulated("slow", queue_seconds=0))
    assert left_over() == []
    assert probe("slow")["reachable"]


def test_a_broker_that_ends_takes_its_probe_with_it(clean: RunningBroker) -> None:
    with queued_probe():
        call_broker("shutdown")
    until_nothing_is_left()


def test_a_broker_that_was_killed_leaves_its_probe_to_the_next(clean: RunningBroker) -> None:
    with queued_probe():
        kill_broker(clean.pid)
    assert len(left_over()) == 2
    call_broker("version")  # starts another one
    until_nothing_is_left()


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"offer": "local/gpu"}, "no offer 'local/gpu'"),
        ({"offer": "leonardo/boost_usr_prod"}, "is no offer of local"),
        ({"outbound": "pypi.org"}, "is no HOST:PORT"),
        ({"outbound": "pypi.org:0"}, "is no HOST:PORT"),
        ({"outbound": "a;id:443"}, "is no HOST:PORT"),
        ({"wait_minutes": -1}, "is not a number of minutes"),
        ({"wait_minutes": "ten"}, "is not a number of minutes"),
    ],
)
def test_what_makes_no_sense_is_refused(
    shared_broker: RunningBroker, asked: dict[str, object], why: str
) -> None:
    with pytest.raises(PlanRefused, match=why):
        probe("local", **asked)


def test_a_site_that_is_not_connected_is_not_probed(shared_broker: RunningBroker) -> None:
    with pytest.raises(Unknown, match="connect leonardo"):
        probe("leonardo")


HOSTILE = """#!{python}
# Passes for a Python, and prints what no probe would.
import json, os, sys
if sys.argv[1] == "-c":
    sys.exit(0)
folder = sys.argv[3]
nonce = json.load(open(folder + "/join-0.json"))["nonce"]
for field, value in {lines}:
    print(nonce, field, json.dumps(value))
"""


def hostile(folder: Path, lines: object) -> str:
    path = folder / "python-odd"
    path.write_text(HOSTILE.format(python=sys.executable, lines=repr(lines)))
    path.chmod(0o700)
    return str(path)


def test_a_hostile_answer_leaves_what_is_odd_unknown(clean: RunningBroker) -> None:
    lines = [
        ("node", "evil"),
        ("glibc", "<script>alert(1)</script>"),
        ("architecture", "\u001b[2Jx86"),
        ("trials", [{"carrier": "socket", "works": True}]),
        ("addresses", ["10.0.0.1"] * 1000),
        ("containers", [{"name": "x" * 4000, "version": "1.0"}]),
        ("energy", ["rapl"]),
        ("measured", True),
    ]
    python = hostile(clean.state, [(name, value) for name, value in lines if name != "node"])
    call_broker("connect", profile=emulated("odd") | {"python": python})
    with pytest.raises(ContinuumError, match="ended before it found anything"):
        probe("odd")
    python = hostile(clean.state, lines)
    view = probe("odd")
    found = rows(view)
    assert view["node"] == "evil"
    assert found["Energy counters"]["found"] == "rapl"
    unknown = ("glibc", "CPU architecture", "IPv4", "Container tools", "A socket of this machine")
    assert {found[what]["verdict"] for what in unknown} == {"unknown"}
    assert "<script>" not in json.dumps(view)
    assert not view["reachable"]


def test_a_node_without_python_is_said_to_have_none(clean: RunningBroker) -> None:
    path = clean.state / "no-python"
    path.write_text('#!/bin/sh\n[ "$1" = -c ] || { echo "jc-probe: no python3"; exit 3; }\n')
    path.chmod(0o700)
    call_broker("connect", profile=emulated("bare") | {"python": str(path)})
    with pytest.raises(ContinuumError, match=r"bare: no python3 \(3\.6 or later\) was found"):
        probe("bare")
