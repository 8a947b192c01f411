"""What goes wrong at an imitated site goes wrong in a cluster, and is over when that is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import ContinuumError, SiteError
from tests.broker.conftest import (
    View,
    all_ready,
    emulated,
    kill_broker,
    wait_for,
    workers,
)
from tests.cli.commands import continuum, told
from tests.conftest import RunningBroker

LESSON = """\
sites:
  bay:
    name: The bay
    country: FI
    queue_seconds: 0
    delay_ms: 1
    rate_mbit: 500
  cape:
    queue_seconds: 0
    delay_ms: 1
    faults:
      - down: true
cluster:
  name: class
  groups:
    - offer: bay/cpu
    - offer: cape/cpu
  policy:
    max_carbon_kg: 5
"""


def site(id: str) -> View:
    found: View = next(each for each in call_broker("sites") if each["id"] == id)
    return found


@pytest.fixture(scope="module")
def lesson(shared_broker: RunningBroker) -> View:
    """The class of ``LESSON``, open."""
    path = shared_broker.state / "lesson.yaml"
    path.write_text(LESSON)
    accept = [f"--accept={site}:carbon_kg" for site in ("bay", "cape")]
    ran = continuum("teach", str(path), *accept)
    assert ran.status == 0, ran.err
    again = continuum("teach", str(path))
    assert "The cluster class runs already." in again.out, again.err
    return wait_for("class", all_ready)


def test_students_meet_the_sites_of_the_class_and_its_faults_when_they_are_told(
    lesson: View, client_of: Callable[[str], Any]
) -> None:
    assert (site("bay")["name"], site("bay")["country"]) == ("The bay", "FI")
    assert "jobs wait 0 s" in site("bay")["reason"]
    client = client_of("class")
    lost = client.submit(lambda: time.sleep(3600), workers=["cape-0-0-0"], pure=False)
    moved = client.submit(
        lambda: "done", workers=["cape-0-0-0"], allow_other_workers=True, pure=False
    )
    assert moved.result(timeout=60) == "done"

    view = told("fault", "cape")  # what the file keeps for this moment
    assert "Its nodes are down." in view["reason"]
    assert [offer["launchable"] for offer in view["offers"]] == [False]
    gone = wait_for("class", lambda view: view["groups"][1]["workers_ready"] == 0)
    assert any("NODE_FAIL" in worker["reason"] for worker in workers(gone))
    assert moved.result(timeout=60) == "done"  # computed anew, at the other site
    lost.cancel()

    told("fault", "cape", "--over")
    wait_for("class", all_ready)


def test_a_site_that_is_cut_off_comes_back_with_the_jobs_it_had(
    lesson: View, client_of: Callable[[str], Any]
) -> None:
    client = client_of("class")
    kept = client.submit(lambda: object.__hash__(object), workers=["bay-0-0-0"], pure=False)
    before = kept.result(timeout=60)
    assert told("fault", "bay", "--away")["state"] == "unreachable"
    assert "cut off on purpose" in site("bay")["reason"]
    with pytest.raises(SiteError, match="cut off on purpose"):
        call_broker("refresh", site="bay")
    assert told("fault", "bay", "--over")["state"] == "ready"
    wait_for("class", all_ready)
    late = client.submit(lambda value: value, kept, workers=["bay-0-0-0"], pure=False)
    assert late.result(timeout=60) == before


def test_a_link_becomes_slow_and_a_queue_long(
    lesson: View, client_of: Callable[[str], Any]
) -> None:
    client = client_of("class")
    assert client.submit(lambda: 1, workers=["bay-0-0-0"], pure=False).result(timeout=60) == 1
    view = told("fault", "bay", "--delay-ms", "300", "--queue-seconds", "500")
    assert "jobs wait 500 s" in view["reason"]
    began = time.monotonic()
    assert client.submit(lambda: 2, workers=["bay-0-0-0"], pure=False).result(timeout=60) == 2
    assert time.monotonic() - began >= 0.6  # there and back
    call_broker("scale", name="class", group="bay", jobs=2)
    wait_for("class", lambda view: any("est." in worker["reason"] for worker in workers(view)))
    call_broker("scale", name="class", group="bay", jobs=1)
    told("fault", "bay", "--over")
    assert "jobs wait 0 s" in site("bay")["reason"]


def test_a_fault_by_command_lasts_over_the_brokers_end_until_it_is_said_to_be_over(
    broker: RunningBroker,
) -> None:
    call_broker("connect", profile=emulated("bay"))
    told("fault", "bay", "--queue-seconds", "500")
    kill_broker(broker.pid)
    wait_until(lambda: "jobs wait 500 s" in site("bay")["reason"])
    assert "jobs wait 0 s" in told("fault", "bay", "--over")["reason"]
    kill_broker(call_broker("version")["pid"])
    wait_until(lambda: "jobs wait 0 s" in site("bay")["reason"])

    told("fault", "bay", "--queue-seconds", "500")
    call_broker("disconnect", site="bay")
    assert "jobs wait 0 s" in call_broker("connect", profile=emulated("bay"))["reason"]


def wait_until(met: Callable[[], bool]) -> None:
    """A site is looked at anew after its broker has started."""
    deadline = time.monotonic() + 30
    while not met():
        assert time.monotonic() < deadline, site("bay")
        time.sleep(0.1)


def test_only_imitations_have_faults_and_only_such_as_there_are(lesson: View) -> None:
    with pytest.raises(ContinuumError, match="local is no imitation"):
        call_broker("fault", site="local", fault={"down": True}, over=False)
    with pytest.raises(SiteError, match="bay has no fault that waits to be told"):
        call_broker("fault", site="bay", fault=None, over=False)
    with pytest.raises(ContinuumError, match="delay_ms"):
        call_broker("fault", site="bay", fault={"delay_ms": -1}, over=False)


def test_a_class_with_a_flaw_starts_nothing(state: Path) -> None:
    path = state / "lesson.yaml"
    path.write_text(LESSON.replace("bay/cpu", "bay/gpu"))
    ran = continuum("teach", str(path))
    assert ran.status == 1
    assert f"{path}, line 16, field cluster.groups.0: There is no offer 'bay/gpu'." in ran.err
    with pytest.raises(ContinuumError, match="No broker runs"):
        call_broker("version", start=False)
