"""Data that must stay binds the cluster that opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.listings import cluster_text
from jupyter_continuum.errors import AnalysisError, PlanRefused
from jupyter_continuum.paths import config_dir
from tests.broker.conftest import emulated, kill_broker, wait_for
from tests.conftest import RunningBroker

OTHER = r"kept\.csv must stay, and was opened with another client"
SAID = "kept must stay at south: no workers but at south are let in."


def refuses_to_grow() -> None:
    with pytest.raises(PlanRefused, match=r"kept must stay at south .* another cluster for north"):
        call_broker("scale", name="main", group="north", jobs=1)


def test_a_cluster_that_has_opened_it_grows_nowhere_else(
    broker: RunningBroker, tmp_path: Path, client_of: Callable[[str], Any]
) -> None:
    (config_dir() / "datasets").mkdir(parents=True)
    (tmp_path / "kept.csv").write_text("n\n40\n2\n")
    (config_dir() / "datasets" / "kept.yaml").write_text(
        f"id: kept\nname: Kept\nurl: file://{tmp_path}/kept.csv\nsite: south\nstays: site\n"
    )
    (config_dir() / "datasets" / "here.yaml").write_text(
        f"id: here\nname: Here\nurl: file://{tmp_path}/kept.csv\nsite: local\n"
    )
    call_broker("connect", profile=emulated("north", queue_seconds=3000))
    call_broker("connect", profile=emulated("south"))
    groups = [{"offer": "north/cpu"}, {"offer": "south/cpu"}]
    call_broker("launch", plan={"name": "main", "groups": groups})
    wait_for("main", lambda view: view["groups"][1]["workers_ready"] == 1)
    client = client_of("main")
    with pytest.raises(PlanRefused, match=r"group north at north.*`.* scale main north 0`"):
        jc.open_dataset("kept", client)
    assert call_broker("scale", name="main", group="north", jobs=0)["residency"] == []

    here = jc.open_dataset("here").n.sum()
    assert here.compute(scheduler="threads") == 42
    with pytest.raises(AnalysisError, match=r"kept\.csv was opened by the notebook for itself"):
        here.compute()  # by workers that do not see this machine's files

    table = jc.open_dataset("kept", client)
    assert table.n.sum().compute() == 42
    with Client(processes=False, dashboard_address=None), pytest.raises(AnalysisError, match=OTHER):
        table.n.sum().compute()
    assert client.run_on_scheduler(lambda dask_scheduler: [*dask_scheduler.kept_to]) == ["south"]
    refuses_to_grow()
    call_broker("scale", name="main", group="south", jobs=1)
    view = call_broker("cluster", name="main")
    assert [each["said"] for each in view["residency"]] == [SAID]
    assert SAID in cluster_text(view, with_workers=False)
    assert SAID in repr(jc.attach("main"))
    assert SAID in str(call_broker("record", name="main")["residency"])

    kill_broker(broker.pid)
    assert [each["said"] for each in call_broker("cluster", name="main")["residency"]] == [SAID]
    refuses_to_grow()
