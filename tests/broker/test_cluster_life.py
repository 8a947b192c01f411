"""The life of a cluster: scaled, found again after a crash, and ended without a trace."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.paths import data_dir, socket_dir
from tests.broker.conftest import (
    all_ready,
    emulated,
    kill_broker,
    launch,
    processes,
    wait_for,
    workers,
)
from tests.conftest import RunningBroker

Attach = Callable[[str], Any]


def test_stop_leaves_no_job_process_or_file(two_sites: RunningBroker) -> None:
    launch("local/cores", "north/cpu", "south/cpu")
    assert call_broker("stop", name="main")["state"] == "stopped"
    assert processes() == []
    assert call_broker("audit") == []
    assert list((data_dir() / "clusters").iterdir()) == []
    assert sorted(path.name for path in socket_dir().iterdir()) == [
        "broker.lock",
        "broker.sock",
        "sites",
        "start.lock",
    ]
    assert list((socket_dir() / "sites").glob("*/jobs/*")) == []


def test_a_broker_that_was_killed_finds_its_cluster_again(
    two_sites: RunningBroker, client_of: Attach
) -> None:
    launch("north/cpu", "south/cpu")
    client = client_of("main")
    kept = client.submit(lambda: os.getpid(), workers=["north-0-0-0"], pure=False)
    worker = kept.result(timeout=30)
    kill_broker(two_sites.pid)
    assert call_broker("version")["pid"] != two_sites.pid
    wait_for("main", all_ready)
    later = client.submit(lambda x: x, kept, workers=["south-0-0-0"], pure=False)
    assert later.result(timeout=60) == worker, "the result was computed anew"


def test_a_transfer_goes_on_over_the_brokers_death(
    broker: RunningBroker, client_of: Attach
) -> None:
    for site in ("north", "south"):
        call_broker("connect", profile=emulated(site, rate_mbit=80))
    launch("north/cpu", "south/cpu")
    client = client_of("main")
    there = client.submit(lambda: os.urandom(20_000_000), workers=["north-0-0-0"], pure=False)
    there = client.persist(there) if hasattr(there, "dask") else there
    size = client.submit(len, there, workers=["south-0-0-0"], pure=False)  # 2 s on this link
    wait_for("main", lambda view: any(x["bytes"] > 2_000_000 for x in view["links"]))
    kill_broker(broker.pid)
    call_broker("version")
    assert size.result(timeout=60) == 20_000_000


def test_scaling_down_keeps_results(two_sites: RunningBroker, client_of: Attach) -> None:
    launch("north/cpu", jobs=2)
    client = client_of("main")
    values = client.map(lambda n: (n, os.getpid()), range(20), pure=False)
    before = client.gather(values)
    assert len({pid for _, pid in before}) == 2
    call_broker("scale", name="main", group="north", jobs=1)
    wait_for("main", lambda view: len(workers(view)) == 1)
    assert client.gather(values) == before
    call_broker("scale", name="main", group="north", jobs=2)
    wait_for("main", all_ready)


def test_a_queued_worker_says_why_it_waits(broker: RunningBroker) -> None:
    call_broker("connect", profile=emulated("slow", queue_seconds=600))
    call_broker("launch", plan={"name": "main", "groups": [{"offer": "slow/cpu"}]})
    view = wait_for("main", lambda view: bool(workers(view)) and workers(view)[0]["job_id"] != "")
    worker = wait_for("main", lambda view: "est. " in workers(view)[0]["reason"])
    assert workers(worker)[0]["state"] == "queued"
    assert view["groups"][0]["state"] == "waiting"


def test_a_slow_site_holds_up_nobody(broker: RunningBroker) -> None:
    call_broker("connect", profile=emulated("slow", queue_seconds=600))
    call_broker("connect", profile=emulated("quick"))
    plan = {"name": "main", "groups": [{"offer": "slow/cpu"}, {"offer": "quick/cpu"}]}
    call_broker("launch", plan=plan)
    view = wait_for("main", lambda view: view["groups"][1]["workers_ready"] == 1)
    assert view["groups"][0]["workers_ready"] == 0
    assert call_broker("stop", name="main")["state"] == "stopped"
    assert call_broker("audit") == []


def test_a_dead_scheduler_ends_its_jobs_and_is_said(two_sites: RunningBroker) -> None:
    launch("north/cpu")
    (scheduler,) = [p for p in processes() if "jupyter_continuum.cluster" in p.cmdline()]
    scheduler.kill()
    view = wait_for("main", lambda view: view["state"] == "failed")
    assert "Stop it and launch again" in view["reason"]
    wait_for("main", lambda view: not workers(view))
    call_broker("stop", name="main")


def test_an_orphan_is_found_and_ended(two_sites: RunningBroker) -> None:
    view = launch("north/cpu")
    job = workers(view)[0]["job"]
    kill_broker(two_sites.pid)
    for process in processes():
        if {"jupyter_continuum.relay.hub", "jupyter_continuum.cluster"} & {*process.cmdline()}:
            process.kill()
    (data_dir() / "clusters" / "main" / "cluster.json").unlink()
    assert call_broker("clusters") == []
    orphans = _until(lambda: call_broker("audit"))
    assert [orphan["job"] for orphan in orphans] == [job]
    assert call_broker("audit", end=True)[0]["state"] == "ended"
    _until(lambda: not call_broker("audit"))
    assert _until(lambda: not processes())


def _until(met: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


@pytest.mark.full
def test_workers_that_hear_nothing_end_when_their_lease_runs_out(broker: RunningBroker) -> None:
    """Broker, hub and scheduler are killed at once; nobody is left to end the job but itself."""
    call_broker("connect", profile=emulated("north"))
    groups = [{"offer": "north/cpu"}, {"offer": "local/cores"}]
    call_broker("launch", plan={"name": "main", "groups": groups, "lease_minutes": 1})
    wait_for("main", all_ready)
    kill_broker(broker.pid)
    for process in processes():
        if {"jupyter_continuum.relay.hub", "jupyter_continuum.cluster"} & {*process.cmdline()}:
            process.kill()
    assert processes()
    assert _until(lambda: not processes(), seconds=100)
