"""The main job on real parts: this machine, a Slurm site, and one behind walls, over real sshd."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.start import log_path
from jupyter_continuum.errors import AnalysisError, PlanRefused, SiteError
from jupyter_continuum.paths import config_dir, data_dir
from jupyter_continuum.workbench.cluster_record import ClusterRecord
from tests.broker.conftest import View, all_ready, launch, wait_for, workers
from tests.conftest import RunningBroker
from tests.rig.fixtures import profile, ssh_login
from tests.rig.site import SlurmSite

pytestmark = pytest.mark.slurm

Attach = Callable[[str], Any]


def connect(site: SlurmSite, python: Path, **changes: Any) -> View:
    asked = profile(site, python, **changes).model_dump(mode="json")
    view: View = call_broker("connect", profile=asked)
    return view


@pytest.fixture
def both(
    broker: RunningBroker, slurm_site_a: SlurmSite, slurm_site_b: SlurmSite, worker_python: Path
) -> Iterator[tuple[SlurmSite, SlurmSite]]:
    """A broker signed in at both sites. Afterwards no job of ours may be left there."""
    for site in (slurm_site_a, slurm_site_b):
        assert connect(site, worker_python)["state"] == "ready"
    yield slurm_site_a, slurm_site_b
    for view in call_broker("clusters"):
        call_broker("stop", name=view["name"])
    for site in (slurm_site_a, slurm_site_b):
        assert queue(site) == ""


def queue(site: SlurmSite) -> str:
    """What ``squeue`` shows of jobs that have not ended."""
    return site.client("squeue", "--noheader", "--states=PD,R", "--format=%j %T").stdout.strip()


def test_a_cluster_spans_this_machine_a_slurm_site_and_an_isolated_one(
    both: tuple[SlurmSite, SlurmSite], client_of: Attach
) -> None:
    launch("local/cores", "sitea/cpu", "siteb/cpu", walltime_minutes=5)
    client = client_of("main")
    of_a = client.submit(lambda: 40, workers=["sitea-0-0-0"], pure=False)
    of_b = client.submit(lambda x: x + 2, of_a, workers=["siteb-0-0-0"], pure=False)
    assert of_b.result(timeout=60) == 42
    check_data(client_of("main"), both[0])
    nodes = {
        worker["name"]: worker["node"] for worker in workers(call_broker("cluster", name="main"))
    }
    assert nodes["sitea-0-0-0"].startswith("a-c")
    assert nodes["siteb-0-0-0"].startswith("b-c")
    assert call_broker("stop", name="main")["state"] == "stopped"
    for site in both:
        assert queue(site) == ""
        assert list((site.work / "jobs").iterdir()) == []
        assert not _agents_at(site)
    check_record(ClusterRecord("main").data, both)


def check_data(client: Any, site: SlurmSite) -> None:
    """What only a site can see: opened by its workers, listed and fetched over its connection."""
    folder = config_dir() / "datasets"
    folder.mkdir(parents=True)
    (site.work / "data.txt").write_text("of the site")
    place = f"url: file://{site.work}/data.txt\nsite: {site.spec.name}\n"
    (folder / "text.yaml").write_text(f"id: text\nname: Text\n{place}")
    (folder / "cube.yaml").write_text(f"id: cube\nname: Cube\nformat: zarr\n{place}")
    (file,) = files = jc.open_dataset("text", client)

    def read() -> bytes:
        with file as opened:
            return bytes(opened.read())

    assert client.submit(read, workers=files.workers).result(timeout=60) == b"of the site"
    with pytest.raises(AnalysisError, match=r"is not installed on a-c.* cluster\.install\('xarray"):
        jc.open_dataset("cube", client)
    assert "data.txt" in [each["name"] for each in jc.files("sitea", str(site.work))]
    assert jc.fetch("sitea", f"{site.work}/data.txt", data_dir()).read_text() == "of the site"


def check_record(data: View, sites: tuple[SlurmSite, SlurmSite]) -> None:
    """Hours by the sites' clocks, hosts without users, and what the plan was checked against."""
    groups = {group["name"]: group for group in data["groups"]}
    for name, site in zip(("sitea", "siteb"), sites, strict=True):
        hours = groups[name]["wall_hours"]
        assert hours["source"] == "start and end of each job by the site's own clock"
        assert 0 < hours["value"] < 0.1
        login = ssh_login(site)
        hosts = {(each["role"], each["host"], each["port"]) for each in data["hosts"]}
        assert ("login node", login.host, login.port) in hosts
        (job,) = groups[name]["jobs"]
        assert ("worker gateway", job["nodes"][0], None) in hosts
        assert "holds no power draw" in groups[name]["energy"]["reason"]
        text = json.dumps(data)
        assert not [hidden for hidden in (login.user, str(site.work)) if f'"{hidden}"' in text]
    live = {(c["about"], c["field"]) for c in data["claims"] if c["kind"] == "live"}
    assert {("sitea/cpu", "nodes"), ("siteb/cpu", "max_walltime_h")} <= live


def test_two_nodes_of_four_gpus_give_eight_workers_on_eight_devices(
    both: tuple[SlurmSite, SlurmSite], client_of: Attach
) -> None:
    view = launch("sitea/gpu", nodes=2, walltime_minutes=5)
    assert len(workers(view)) == 8
    assert len({(worker["node"], worker["device"]) for worker in workers(view)}) == 8
    assert {worker["device"] for worker in workers(view)} == {"0", "1", "2", "3"}
    assert len({worker["job_id"] for worker in workers(view)}) == 1

    def place() -> tuple[str, str, int]:
        import os
        import socket

        return socket.gethostname(), os.environ["CUDA_VISIBLE_DEVICES"], os.getppid()

    places = client_of("main").run(place).values()
    assert len({(node, device) for node, device, _ in places}) == 8
    # Those of a node are forked from one process.
    assert len({parent for _, _, parent in places}) == 2


@pytest.mark.parametrize(
    ("group", "sentence"),
    [
        ({"offer": "sitea/gpu", "gpus_per_worker": 8}, "4 GPUs per node"),
        ({"offer": "sitea/gpu", "nodes": 3}, "at most 2 nodes"),
        ({"offer": "sitea/debug", "walltime_minutes": 6}, "5 minutes at most"),
        ({"offer": "siteb/cpu", "account": "not-mine"}, "proj_1234"),
    ],
)
def test_what_a_site_cannot_give_is_refused_before_anything_is_sent(
    both: tuple[SlurmSite, SlurmSite], group: View, sentence: str
) -> None:
    with pytest.raises(PlanRefused, match=sentence):
        call_broker("launch", plan={"name": "main", "groups": [group]})


def test_an_offer_tells_what_is_left_and_what_may_be_charged(
    both: tuple[SlurmSite, SlurmSite],
) -> None:
    sites = {each["id"]: each["offers"] for each in call_broker("sites")}
    gpu = next(each for each in sites["siteb"] if each["name"] == "gpu")
    assert (gpu["unit"], gpu["units"]["value"], gpu["left"]["kind"]) == ("GPU-hour", 1, "measured")
    assert 9 < gpu["left"]["value"] <= 10  # 600 GPU-minutes, and what tests before have used
    assert "of 10 gres/gpu hours used by proj_1234" in gpu["left"]["source"]
    plan = {"groups": [{"offer": "siteb/gpu", "walltime_minutes": 30}]}
    (group,) = call_broker("dry_run", plan=plan)["groups"]
    assert (group["unit"], group["units"]["value"]) == ("GPU-hour", 2)  # four for half an hour
    charge = {each["account"]: each["qos"] for each in gpu["charge"]}
    assert "long" in charge["proj_1234"]
    assert charge["proj_other"] == ["normal"]
    (free,) = [each for each in sites["sitea"] if each["name"] == "gpu"]
    assert (free["charge"], free["left"]["value"]) == ([], None)


def test_a_dry_run_that_is_asked_to_tells_when_the_site_would_begin_the_jobs(
    both: tuple[SlurmSite, SlurmSite],
) -> None:
    plan = {"groups": [{"offer": "sitea/cpu"}, {"offer": "siteb/cpu"}, {"offer": "local/cores"}]}
    silent = call_broker("dry_run", plan=plan)["groups"]
    assert not any("this very job" in each["wait"]["source"] for each in silent)
    one, two, here = call_broker("dry_run", plan=plan, foretell=True)["groups"]
    for group in (one, two):
        assert group["wait"]["source"].startswith("the batch system, of this very job")
        assert 0 <= group["wait"]["median"] < 600
    assert here["wait"]["kind"] == "stated"


def test_a_frozen_controller_gets_the_job_once_and_delays_nobody(
    both: tuple[SlurmSite, SlurmSite],
) -> None:
    frozen, _ = both
    frozen.freeze()
    try:
        plan = {"groups": [{"offer": "sitea/cpu"}, {"offer": "siteb/cpu"}], "name": "main"}
        call_broker("launch", plan=plan)
        wait_for("main", lambda view: view["groups"][1]["workers_ready"] == 1)
        view = wait_for("main", lambda view: "answer" in view["groups"][0]["reason"])
        assert view["groups"][0]["workers_ready"] == 0
    finally:
        frozen.thaw()
    wait_for("main", all_ready, seconds=90)
    assert len(queue(frozen).splitlines()) == 1


def test_a_cut_link_is_survived(both: tuple[SlurmSite, SlurmSite], client_of: Attach) -> None:
    launch("siteb/cpu", "local/cores")
    client = client_of("main")
    kept = client.submit(lambda: 7, workers=["siteb-0-0-0"], pure=False)
    assert kept.result(timeout=30) == 7
    _, far = both
    far.cut()
    time.sleep(5)  # the fault itself: how long the link is down
    far.restore()
    later = client.submit(lambda x: x + 1, kept, workers=["local-0-0-0"], pure=False)
    assert later.result(timeout=90) == 8


def test_a_site_that_is_gone_is_unreachable_since_a_time(
    both: tuple[SlurmSite, SlurmSite], worker_python: Path
) -> None:
    near, _ = both
    call_broker("disconnect", site="sitea")
    near.stop_sshd()
    try:
        with pytest.raises(SiteError):
            connect(near, worker_python)
        (view,) = [site for site in call_broker("sites") if site["id"] == "sitea"]
        assert view["state"] == "unreachable"
        assert re.match(r"Unreachable since \d\d:\d\d\. ", view["reason"])
    finally:
        near.start_sshd()
    assert call_broker("refresh", site="sitea")["state"] == "ready"


def test_a_wrong_code_is_asked_again_once_and_never_kept(
    broker: RunningBroker, slurm_site_a: SlurmSite, worker_python: Path
) -> None:
    asked: list[View] = []
    login = ssh_login(slurm_site_a, "code")
    with (
        _answering(lambda prompt: asked.append(prompt) or "000000"),
        pytest.raises(SiteError, match="code"),
    ):
        connect(slurm_site_a, worker_python, ssh=login)
    assert [prompt["kind"] for prompt in asked] == ["code", "code"]
    assert asked[0]["secret"]
    (view,) = [site for site in call_broker("sites") if site["id"] == "sitea"]
    assert view["state"] == "sign-in"
    assert "000000" not in log_path().read_text()


def test_a_host_key_is_confirmed_once_and_pinned(
    broker: RunningBroker, slurm_site_a: SlurmSite, worker_python: Path
) -> None:
    asked: list[View] = []
    login = ssh_login(slurm_site_a, host_key=None)
    with _answering(lambda prompt: asked.append(prompt) or "yes"):
        assert connect(slurm_site_a, worker_python, ssh=login)["state"] == "ready"
    assert [prompt["kind"] for prompt in asked] == ["host-key"]
    assert "SHA256:" in asked[0]["text"]
    saved = json.loads((broker.state / "config/continuum/profiles/sitea.json").read_bytes())
    assert saved["ssh"]["host_key"] == slurm_site_a.login.host_key


def test_another_host_key_is_refused(
    broker: RunningBroker, slurm_site_a: SlurmSite, slurm_site_b: SlurmSite, worker_python: Path
) -> None:
    login = ssh_login(slurm_site_a, host_key=slurm_site_b.login.host_key)
    with pytest.raises(SiteError, match=r"SHA256:.*SHA256:"):
        connect(slurm_site_a, worker_python, ssh=login)


def test_an_environment_that_fails_on_the_node_fails_with_the_jobs_last_words(
    both: tuple[SlurmSite, SlurmSite], worker_python: Path
) -> None:
    """Its answer on the login node was good."""
    near, _ = both
    call_broker("disconnect", site="sitea")
    python = near.work / "python"
    python.write_text(
        f'#!/bin/sh\n[ -z "$SLURM_JOB_ID" ] || {{ echo no such node >&2; exit 1; }}\n'
        f'exec {worker_python} "$@"\n'
    )
    python.chmod(0o755)
    assert connect(near, python)["state"] == "ready"
    call_broker("launch", plan={"name": "main", "groups": [{"offer": "sitea/cpu"}]})
    view = wait_for("main", lambda view: any("no such node" in w["reason"] for w in workers(view)))
    assert workers(view)[0]["state"] == "failed"


def test_secrets_are_in_no_script_and_no_process_of_a_site(
    both: tuple[SlurmSite, SlurmSite],
) -> None:
    launch("sitea/cpu")
    near, _ = both
    (stored,) = [json.loads(p.read_bytes()) for p in data_dir().glob("clusters/*/cluster.json")]
    job = stored["groups"][0]["jobs"][0]
    token = job["agents"][0]["token"]
    script = near.client("scontrol", "write", "batch_script", job["id"], "-").stdout
    assert "jupyter_continuum.worker" in script
    shown = near.client("scontrol", "show", "job", job["id"]).stdout
    left = [p.read_text(errors="replace") for p in (near.work / "jobs").rglob("*") if p.is_file()]
    for text in (script, shown, *left, *_command_lines()):
        assert token not in text
        assert "PRIVATE KEY" not in text


def _command_lines() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text(errors="replace"))
        except OSError:
            continue  # it ended
    return found


def _agents_at(site: SlurmSite) -> list[str]:
    return [line for line in _command_lines() if str(site.work) in line]


class _answering:
    """A face that answers every prompt with ``answer(prompt)``."""

    def __init__(self, answer: Callable[[View], str]) -> None:
        self._answer = answer
        self._ready = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._ready.wait(20)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        call_broker("refresh", site="local")  # an event for the face to wake up by
        self._thread.join(20)

    def _run(self) -> None:
        with open_broker() as face:
            face.call("subscribe")
            self._ready.set()
            for event in face.events():
                if self._over.is_set():
                    return
                if event["kind"] == "prompt":
                    value = self._answer(event["prompt"])
                    call_broker("answer", id=event["prompt"]["id"], value=value)


def test_a_connection_is_kept_over_the_end_of_its_certificate(
    broker: RunningBroker, slurm_site_b: SlurmSite, worker_python: Path, tmp_path: Path
) -> None:
    """The file is what tells: sshd asks for it at the login alone, as this shows too."""
    key = slurm_site_b.login.certify(tmp_path)
    login = ssh_login(slurm_site_b, key=str(key))
    view = connect(slurm_site_b, worker_python, ssh=login)
    (told,) = view["credentials"]
    assert told["verdict"] == "valid"
    (group,) = call_broker("dry_run", plan={"groups": [{"offer": "siteb/cpu"}]})["groups"]
    assert group["certificate"] == told["said"]

    def renew(validity: str) -> View:
        for path in tmp_path.glob("certified*"):
            path.unlink()
        slurm_site_b.login.certify(tmp_path, validity)
        found: View = call_broker("refresh", site="siteb")
        return found

    expired = renew("20200101:20200102")
    (told,) = expired["credentials"]
    assert told["verdict"] == "expired"
    assert "The open connection goes on" in told["said"]
    assert (expired["state"], expired["since"]) == ("ready", view["since"])
    assert expired["offers"][0]["launchable"]
    renewed = renew("+10m")
    assert [each["verdict"] for each in renewed["credentials"]] == ["soon"]
    assert (renewed["state"], renewed["since"]) == ("ready", view["since"])
