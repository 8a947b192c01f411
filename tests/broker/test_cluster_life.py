"""The life of a cluster: scaled, found again after a crash, and ended without a trace."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.clusters.connection_file import connection_file
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.errors import BrokerError, ContinuumError
from jupyter_continuum.paths import data_dir, socket_dir
from tests.broker.conftest import (
    View,
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
LEFT = "the worker left: its job's walltime is nearly over"


def test_stop_leaves_no_job_process_or_file(two_sites: RunningBroker) -> None:
    launch("local/cores", "north/cpu", "south/cpu")
    told = connection_file("main")
    assert stat.S_IMODE(told.stat().st_mode) == 0o600
    assert json.loads(told.read_bytes())["address"] == "relay://home.scheduler:1"
    assert "PRIVATE" not in told.read_text()
    assert call_broker("stop", name="main")["state"] == "stopped"
    assert not told.exists()
    assert processes() == []
    assert "nobody" not in two_sites.log
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
    with ThreadPoolExecutor(3) as faces:  # at once: one of them has the last word
        for jobs in (1, 2, 1):
            faces.submit(call_broker, "scale", name="main", group="north", jobs=jobs)
    wait_for("main", as_many_as_wanted)
    assert client.gather(values) == before


def as_many_as_wanted(view: View) -> bool:
    return all_ready(view) and len(workers(view)) == view["groups"][0]["jobs_wanted"]


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


def test_a_worker_whose_walltime_is_nearly_over_says_so(broker: RunningBroker) -> None:
    """No agent starts another worker then: a minute's job hands over in its last six seconds."""
    heard, python = broker.state / "heard", broker.state / "python"
    # Its job is over once the sentence was heard: it may stand for less than a look at the queue.
    python.write_text(
        f'#!/bin/sh\n"{sys.executable}" "$@"\nstatus=$?\ncase "$*" in *jupyter_continuum.worker*)\n'
        f"  until [ -e {heard} ]; do sleep 0.1; done ;; esac\nexit $status\n"
    )
    python.chmod(0o755)
    call_broker("connect", profile=emulated("short") | {"python": str(python)})
    said = {}
    with open_broker() as face:
        face.call("subscribe")
        launch("short/cpu", walltime_minutes=1)
        for event in face.events():
            view = event.get("cluster")
            for worker in workers(view) if view else []:
                if worker["name"] == "short-0-0-0":
                    said[worker["reason"]] = worker["state"]
            if LEFT in said:
                heard.touch()
            if view and any(worker["name"] == "short-1-0-0" for worker in workers(view)):
                break
    assert said[LEFT] == "draining"
    assert not [reason for reason in said if "another" in reason]


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


def test_a_launch_that_was_killed_goes_on_with_one_job(broker: RunningBroker) -> None:
    call_broker("connect", profile=emulated("north"))
    plan = {"name": "main", "groups": [{"offer": "north/cpu"}]}
    with ThreadPoolExecutor() as pool:
        launching = pool.submit(call_broker, "launch", plan=plan)
        jobs = socket_dir() / "sites" / "north" / "jobs"
        _until(lambda: list(jobs.glob("*/job.json")))
        kill_broker(broker.pid)
        with pytest.raises(BrokerError):
            launching.result(timeout=30)
    stored = json.loads((data_dir() / "clusters" / "main" / "cluster.json").read_bytes())
    assert stored["state"] == "starting"
    wait_for("main", all_ready)
    assert len(list(jobs.iterdir())) == 1
    assert call_broker("audit") == []
    hubs = [p for p in processes() if "jupyter_continuum.relay.hub" in p.cmdline()]
    assert len(hubs) == 1
    assert call_broker("stop", name="main")["state"] == "stopped"
    assert processes() == []


def test_a_stop_in_the_middle_of_a_launch_leaves_nothing(two_sites: RunningBroker) -> None:
    plan = {"name": "main", "groups": [{"offer": "north/cpu"}, {"offer": "south/cpu"}]}
    with ThreadPoolExecutor() as pool:
        launching = pool.submit(call_broker, "launch", plan=plan)
        _until(lambda: call_broker("clusters"))
        stops = [pool.submit(call_broker, "stop", name="main") for _ in range(2)]
        assert [stop.result(timeout=60)["state"] for stop in stops] == ["stopped", "stopped"]
        with pytest.raises(ContinuumError, match="was stopped while it started"):
            launching.result(timeout=60)
    assert call_broker("clusters") == []
    assert processes() == []
    assert call_broker("audit") == []
    assert list((data_dir() / "clusters").iterdir()) == []
    assert "Traceback" not in two_sites.log


def test_a_cluster_goes_on_over_a_broker_that_ended_in_good_order(
    two_sites: RunningBroker, client_of: Attach
) -> None:
    launch("north/cpu")
    client = client_of("main")
    kept = client.submit(lambda: 7, pure=False)
    assert kept.result(timeout=30) == 7
    ending = psutil.Process(two_sites.pid)
    call_broker("shutdown")
    psutil.wait_procs([ending])
    assert call_broker("version")["pid"] != two_sites.pid
    wait_for("main", all_ready)
    later = client.submit(lambda x: x + 1, kept, pure=False)
    assert later.result(timeout=60) == 8


def test_a_profile_that_cannot_be_used_keeps_nothing_else_closed(state: Path) -> None:
    folder = state / "config" / "continuum" / "profiles"
    folder.mkdir(parents=True)
    odd = {"site": "odd", "kind": "slurm", "work_directory": "a b/../c"}
    (folder / "odd.json").write_text(json.dumps(odd))
    (folder / "worse.json").write_text("{")
    try:
        sites = {site["id"]: site for site in call_broker("sites")}
        assert "worse.json" in sites["worse"]["reason"]
        assert sites["odd"]["state"] != "ready"
        assert _until(lambda: call_broker("refresh", site="local")["state"] == "ready")
    finally:
        end_everything()


def test_a_second_broker_waits_for_the_first(broker: RunningBroker) -> None:
    words = [sys.executable, "-m", "jupyter_continuum.broker"]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as second:
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(timeout=3)
        assert call_broker("version")["pid"] == broker.pid
        second.terminate()


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
