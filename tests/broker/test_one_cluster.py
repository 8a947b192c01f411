"""One cluster over several sites, looked at and used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import xarray as xr
from distributed import get_worker

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.start import log_path
from jupyter_continuum.errors import AnalysisError, ContinuumError, PlanRefused, Unknown
from jupyter_continuum.paths import config_dir, data_dir, socket_dir
from jupyter_continuum.relay.address import parse
from tests.broker.conftest import View, processes, wait_for

Attach = Callable[[str], Any]


def test_a_task_at_one_site_uses_a_result_of_another(standing: View, client_of: Attach) -> None:
    client = client_of("main")
    forty = client.submit(lambda: 40, workers=["north-0-0-0"], pure=False)
    answer = client.submit(lambda x: x + 2, forty, workers=["south-0-0-0"], pure=False)
    assert answer.result(timeout=30) == 42
    wanted = {("north", "south"), ("south", "home")}
    wait_for("main", lambda view: wanted <= {(x["source"], x["target"]) for x in view["links"]})


def test_no_process_of_a_cluster_listens_on_the_network(standing: View) -> None:
    found = [*processes(), psutil.Process(call_broker("version")["pid"])]
    assert len(found) >= 9  # hub, scheduler, three agents, three workers, and the broker
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in found
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == set()


def test_secrets_are_in_no_log_argument_environment_or_event(
    standing: View,
) -> None:
    (stored,) = [json.loads(p.read_bytes()) for p in data_dir().glob("clusters/*/cluster.json")]
    tokens = [
        agent["token"]
        for group in stored["groups"]
        for job in group["jobs"]
        for agent in job["agents"]
    ]
    assert len(tokens) == 3
    secrets = [*tokens, "PRIVATE KEY"]
    seen = [
        log_path().read_text(),
        json.dumps(call_broker("clusters")),
        json.dumps(call_broker("sites")),
    ]
    seen += call_broker("logs", name="main").values()
    for process in processes():
        seen.append(" ".join(process.cmdline()))
        seen.append(json.dumps(process.environ()))
    sockets = [path for path in socket_dir().rglob("*") if path.is_file()]
    seen += [path.read_text(errors="replace") for path in sockets]
    for secret in secrets:
        assert not [text for text in seen if secret in text]


def test_a_second_cluster_of_the_same_name_is_refused(standing: View) -> None:
    with pytest.raises(PlanRefused, match="there already"):
        call_broker("launch", plan={"name": "main", "groups": [{"offer": "south/cpu"}]})


def test_a_site_in_use_cannot_be_disconnected(standing: View) -> None:
    with pytest.raises(ContinuumError, match="used by main"):
        call_broker("disconnect", site="north")


@pytest.mark.parametrize(
    ("group", "sentence"),
    [
        ({"offer": "nowhere/cpu"}, "There is no offer 'nowhere/cpu'"),
        ({"offer": "north/gpu"}, "Did you mean north/cpu"),
        ({"offer": "lumi/standard-g"}, "connect lumi"),
        ({"offer": "puhti/gpu"}, "shut down"),
        ({"offer": "north/cpu", "gpus_per_worker": 1}, "has no GPUs"),
        ({"offer": "north/cpu", "nodes": 3}, "at most 2 nodes"),
        ({"offer": "north/cpu", "walltime_minutes": 61}, "60 minutes at most"),
        ({"offer": "north/cpu", "account": "x\n#SBATCH --uid=0"}, "account"),
        ({"offer": "north/cpu", "name": "a;rm -rf"}, "name"),
        ({"offer": "north/cpu", "jobs": -1}, "jobs"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_one_sentence(
    standing: View, group: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PlanRefused, match=sentence) as refused:
        call_broker("launch", plan={"name": "other", "groups": [group]})
    assert "Traceback" not in str(refused.value)
    assert [each["name"] for each in call_broker("clusters")] == ["main"]


def test_a_retired_offer_says_so(standing: View) -> None:
    offers = [offer for site in call_broker("sites", retired=True) for offer in site["offers"]]
    retired = [offer for offer in offers if offer["site"] in ("puhti", "mahti")]
    assert retired
    assert not any(offer["launchable"] for offer in retired)


def test_an_unknown_cluster_is_named(standing: View) -> None:
    with pytest.raises(Unknown, match="no cluster 'x'"):
        call_broker("stop", name="x")


RECORDS = {
    "cube": "format: zarr\nsite: south\n",
    "table": "format: csv\nsite: north\n",
    "lines": "format: files\nsite: south\n",
    "kept": "format: zarr\nsite: south\nstays: site\n",
    "lawful": "format: zarr\nsite: south\nstays: jurisdiction\njurisdiction: [FI]\n",
    "away": "format: zarr\nsite: lumi\n",
}


@pytest.fixture
def data(standing: View, tmp_path: Path) -> Path:
    """Data sets of one's own, with records. All sites see the files; tasks must mind whose."""
    cube = xr.Dataset({"t": (("time", "x"), np.arange(1200.0).reshape(60, 20))})
    cube.chunk(time=2).to_zarr(tmp_path / "cube", consolidated=False)
    (tmp_path / "table").write_text("n\n" + "\n".join(map(str, range(100))))
    (tmp_path / "lines").write_text("some")
    folder = config_dir() / "datasets"
    folder.mkdir(parents=True, exist_ok=True)
    for name, more in RECORDS.items():
        place = tmp_path / (name if (tmp_path / name).exists() else "cube")
        text = f"id: {name}\nname: {name}\nurl: file://{place}\n{more}"
        (folder / f"{name}.yaml").write_text(text)
    return tmp_path


def test_data_at_a_site_is_read_by_its_workers_alone(data: Path, client_of: Attach) -> None:
    """A worker elsewhere that were to read a chunk would fail."""
    client = client_of("main")
    cube = jc.open_dataset("cube", client)
    assert (cube.t.shape, cube.t.chunks[0][:2]) == ((60, 20), (2, 2))
    assert float(((cube.t + 1) ** 2).mean()) == float(((np.arange(1200.0) + 1) ** 2).mean())

    def at_south(block: np.ndarray) -> np.ndarray:
        return np.full(block.shape, float("south" in get_worker().address))

    where = cube.t.data.map_blocks(at_south, dtype=float).compute()
    assert where.min() == 1  # fused with the reading, or beside it
    table = jc.open_dataset("table")  # with the client that was made last
    assert table.n.sum().compute() == 4950
    (file,) = files = jc.open_dataset("lines", client)
    assert {parse(each).site for each in files.workers} == {"south"}

    def read() -> str:
        with file as opened:
            return str(opened.read().decode())

    assert client.submit(read, workers=files.workers).result(timeout=30) == "some"
    with pytest.raises(
        AnalysisError, match=r"read by workers at south, .* compute with the client"
    ):
        cube.t[:2].compute(scheduler="sync")


def test_data_that_may_not_or_cannot_be_read_is_a_sentence(data: Path, client_of: Attach) -> None:
    client = client_of("main")
    with pytest.raises(PlanRefused, match=r"must stay at south .* read with local, north"):
        jc.open_dataset("kept", client)
    with pytest.raises(PlanRefused, match="must stay in FI"):
        jc.open_dataset("lawful", client)
    with pytest.raises(AnalysisError, match=r"lies at lumi, and .* local, north, south alone"):
        jc.open_dataset("away", client)
    with pytest.raises(Unknown, match="Did you mean cube"):
        jc.open_dataset("cub", client)
    client.close()
    with pytest.raises(Unknown, match="launch a cluster with one"):
        jc.open_dataset("cube")


def test_tasks_that_read_wait_for_a_worker_of_their_site(data: Path, client_of: Attach) -> None:
    client = client_of("main")
    cube = jc.open_dataset("cube", client)

    def waits(dask_scheduler: Any) -> bool:
        return bool(dask_scheduler.unrunnable)

    call_broker("scale", name="main", group="south", jobs=0)
    wait_for("main", lambda view: len(client.nthreads()) == 2)
    total = client.compute(cube.t.sum())
    wait_for("main", lambda view: client.run_on_scheduler(waits))
    call_broker("scale", name="main", group="south", jobs=1)
    assert float(total.result(timeout=60)) == np.arange(1200.0).sum()
