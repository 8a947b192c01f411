"""A worker that some site cannot reach says so, as the person reads it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import cloudpickle

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cluster.dialling import TO_HEAR_SECONDS
from jupyter_continuum.cluster.reachability import DIAL_SECONDS
from jupyter_continuum.cluster.report import EVERY_SECONDS
from jupyter_continuum.paths import socket_dir
from tests.broker.conftest import View, launch, wait_for, workers
from tests.conftest import RunningBroker

Attach = Callable[[str], Any]
SENTENCE_SECONDS = 5
# The scheduler does not have this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def worker(view: View, name: str) -> View:
    return next((each for each in workers(view) if each["name"] == name), {"state": "none"})


def first_look(dask_scheduler: Any, name: str) -> list[str]:
    """From where the worker could not be reached when it was looked at first."""
    events = dask_scheduler.get_events(dask_scheduler.aliases[name])
    looks = (event for _, event in events if event["action"] == "reachability")
    return [*next(looks)["unreachable_from"]]


def test_a_gap_is_a_state_and_a_sentence_within_five_seconds_and_heals(
    two_sites: RunningBroker, client_of: Attach
) -> None:
    launch("north/cpu", "south/cpu")
    call_broker("scale", name="main", group="south", jobs=0)
    wait_for("main", lambda view: worker(view, "south-0-0-0")["state"] in ("none", "ended"))
    client = client_of("main")
    folder = next(path for path in socket_dir().rglob("*.gate") if "north" in str(path)).parent
    gates = {gate: gate.with_suffix(".away") for gate in folder.glob("*.gate")}
    for gate, away in gates.items():
        gate.rename(away)
    call_broker("scale", name="main", group="south", jobs=1)
    view = wait_for("main", lambda view: worker(view, "south-1-0-0")["state"] == "unreachable")
    told = worker(view, "south-1-0-0")
    assert told["reason"] == "joined, unreachable from north"
    # The first look finds it, and the next report tells: as late as that can be.
    assert client.run_on_scheduler(first_look, name="south-1-0-0") == ["north"]
    assert DIAL_SECONDS + TO_HEAR_SECONDS + EVERY_SECONDS < SENTENCE_SECONDS
    south = next(group for group in view["groups"] if group["name"] == "south")
    assert (south["workers_ready"], south["state"]) == (1, "ready")
    assert south["reason"] == "joined, unreachable from north"
    assert client.submit(sum, [1, 2], workers=["south-1-0-0"], pure=False).result(30) == 3
    for gate, away in gates.items():
        away.rename(gate)
    view = wait_for("main", lambda view: worker(view, "south-1-0-0")["state"] == "ready")
    assert worker(view, "south-1-0-0")["reason"] == ""
