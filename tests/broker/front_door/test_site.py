"""Site C: its nodes get out through a proxy alone, and broker and hub run in the person's own home.

The broker, and so every hub and scheduler, lives in a network that the tests are not in: they speak
to it by its Unix socket, as every face does.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.start import log_path
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.errors import SiteError
from jupyter_continuum.paths import data_dir
from tests.broker.conftest import View, launch, wait_for, workers
from tests.cli.commands import COMMAND
from tests.conftest import own_state
from tests.rig.fixtures import profile, ssh_login
from tests.rig.site import SlurmSite
from tests.rig.spec import PROXY_PASSWORD, PROXY_USER

pytestmark = pytest.mark.slurm

READ_IT = '. "$HOME/.proxy"'
"""The prologue that the error's sentence asks for."""


@dataclass(frozen=True, slots=True)
class Far:
    """Site C as a person at home has it."""

    site: SlurmSite
    python: Path

    @property
    def url(self) -> str:
        spec = self.site.spec
        return f"wss://{spec.outside_address}:{spec.door_port}"

    def proxy(self, user: str = "") -> str:
        spec = self.site.spec
        return f"http://{user}{spec.proxy_address}:{spec.proxy_port}"

    def write_proxy(self, proxy: str) -> None:
        """The person's file at the site, which nobody else can read."""
        path = self.site.spec.path("home", ".proxy")
        path.write_text(f"export https_proxy={proxy}\n")
        path.chmod(0o600)
        shutil.chown(path, self.site.spec.user)

    def connect(self, **changes: Any) -> View:
        """Sign in at a login node that denies forwarding."""
        login = ssh_login(self.site, "closed")
        fields = {"ssh": login, "prologue": READ_IT, "carrier": "outbound"} | changes
        asked = profile(self.site, self.python, **fields).model_dump(mode="json")
        view: View = call_broker("connect", profile=asked)
        return view


@pytest.fixture
def far(slurm_site_c: SlurmSite, worker_python: Path) -> Iterator[Far]:
    with own_state():
        # What starts the broker runs at home, and so does the broker.
        at_home = [*slurm_site_c.at_home, *COMMAND, "sites", "--json"]
        subprocess.run(at_home, check=True, capture_output=True)
        far = Far(slurm_site_c, worker_python)
        try:
            yield far
            for view in call_broker("clusters"):
                call_broker("stop", name=view["name"])
            queue = far.site.client("squeue", "--noheader", "--states=PD,R", "--format=%j %T")
            assert queue.stdout.strip() == ""
        finally:
            killed = end_everything()
            log = log_path().read_text()
        assert not killed, f"processes that did not end: {killed}\n{log}"


@pytest.fixture
def reached(far: Far) -> Far:
    """With an address, and a proxy that the site's nodes are let through by."""
    call_broker("set_address", address={"url": far.url})
    far.write_proxy(far.proxy(f"{PROXY_USER}:{PROXY_PASSWORD}@"))
    assert far.connect()["state"] == "ready"
    return far


def test_a_cluster_spans_home_and_nodes_that_only_a_proxy_lets_out(
    reached: Far, client_of: Callable[[str], Any]
) -> None:
    launch("local/cores", "sitec/cpu", nodes=1, walltime_minutes=5)
    client = client_of("main")
    there = client.submit(lambda: 40, workers=["sitec-0-0-0"], pure=False)
    here = client.submit(lambda x: x + 2, there, workers=["local-0-0-0"], pure=False)
    assert here.result(timeout=60) == 42
    nodes = {each["name"]: each["node"] for each in workers(call_broker("cluster", name="main"))}
    assert nodes["sitec-0-0-0"].startswith("c-c")
    assert call_broker("address")["agents"] == 1  # the next pipe waits already
    _no_secret_lies_about(reached)


def test_nodes_that_get_out_by_themselves_need_no_proxy(reached: Far) -> None:
    reached.connect(prologue="")
    view = launch("sitec/gpu", gpus_per_worker=1, workers_per_node=1, walltime_minutes=5)
    assert [each["node"] for each in workers(view)] == ["c-g1"]


def test_two_nodes_of_a_job_find_each_other_without_the_hub(
    reached: Far, client_of: Callable[[str], Any]
) -> None:
    launch("sitec/cpu", nodes=2, walltime_minutes=5)
    client = client_of("main")
    one = client.submit(lambda: bytes(3_000_000), workers=["sitec-0-0-0"], pure=False)
    assert client.submit(len, one, workers=["sitec-0-1-0"], pure=False).result(timeout=60)
    time.sleep(1.2)  # the hub tells what passed once a second
    links = call_broker("cluster", name="main")["links"]
    assert sum(link["bytes"] for link in links if link["source"] == link["target"]) < 1_000_000


def test_a_proxy_that_dies_in_the_middle_of_a_transfer_and_comes_back_costs_no_byte(
    reached: Far, client_of: Callable[[str], Any]
) -> None:
    launch("local/cores", "sitec/cpu", walltime_minutes=10)
    client = client_of("main")

    def make() -> bytes:
        import random

        return random.Random(1).randbytes(60_000_000)

    there = client.submit(make, workers=["sitec-0-0-0"], pure=False)
    client.submit(len, there, workers=["sitec-0-0-0"], pure=False).result(timeout=60)

    def digest(data: bytes) -> str:
        import hashlib

        return hashlib.sha256(data).hexdigest()

    here = client.submit(digest, there, workers=["local-0-0-0"], pure=False)
    before = _bytes_from(reached)
    wait_for("main", lambda view: _bytes_from(reached, view) > before + 5_000_000)
    reached.site.stop_proxy()
    wait_for("main", lambda view: "link is down" in json.dumps(view))
    reached.site.start_proxy()
    assert here.result(timeout=120) == hashlib.sha256(make()).hexdigest()
    assert there.status == "finished"


def test_a_login_node_that_is_away_costs_those_nothing_who_dialled_out(
    reached: Far, client_of: Callable[[str], Any]
) -> None:
    launch("sitec/cpu", walltime_minutes=10)
    client = client_of("main")
    kept = client.submit(lambda: 7, workers=["sitec-0-0-0"], pure=False)
    assert kept.result(timeout=30) == 7
    reached.site.stop_sshd()
    try:
        with pytest.raises(SiteError):
            call_broker("refresh", site="sitec")
        reached.site.stop_proxy()  # what is open breaks, and has to be had anew
        wait_for("main", lambda view: "link is down" in json.dumps(view))
        reached.site.start_proxy()
        later = client.submit(lambda x: x + 1, kept, workers=["sitec-0-0-0"], pure=False)
        assert later.result(timeout=60) == 8
    finally:
        reached.site.start_sshd()
    call_broker("refresh", site="sitec")


def test_a_proxy_that_wants_a_name_is_the_workers_reason_within_seconds(far: Far) -> None:
    call_broker("set_address", address={"url": far.url})
    far.write_proxy(far.proxy())
    far.connect()
    call_broker("launch", plan={"name": "main", "groups": [{"offer": "sitec/cpu"}]})
    spec = far.site.spec
    said = f"the proxy at {spec.proxy_address}:{spec.proxy_port} wants a user name and password"
    wait_for("main", lambda view: any(said in each["reason"] for each in workers(view)), seconds=30)


def test_a_node_without_any_way_out_says_so(far: Far) -> None:
    call_broker("set_address", address={"url": far.url})
    far.connect(prologue="")
    call_broker("launch", plan={"name": "main", "groups": [{"offer": "sitec/cpu"}]})
    said = "this node's environment names no proxy"
    wait_for("main", lambda view: any(said in each["reason"] for each in workers(view)), seconds=30)


def test_without_an_address_the_reason_says_how_to_have_one(far: Far) -> None:
    far.connect(prologue="")
    call_broker("launch", plan={"name": "main", "groups": [{"offer": "sitec/cpu"}]})
    said = "`jupyter continuum address wss://HOST:PORT`"
    wait_for("main", lambda view: any(said in each["reason"] for each in workers(view)), seconds=30)


def test_a_broker_that_comes_back_is_dialled_again(
    reached: Far, client_of: Callable[[str], Any]
) -> None:
    launch("sitec/cpu", walltime_minutes=10)
    client = client_of("main")
    kept = client.submit(lambda: 7, workers=["sitec-0-0-0"], pure=False)
    assert kept.result(timeout=30) == 7
    call_broker("shutdown")
    subprocess.run([*reached.site.at_home, *COMMAND, "sites"], check=True, capture_output=True)
    later = client.submit(lambda x: x + 1, kept, workers=["sitec-0-0-0"], pure=False)
    assert later.result(timeout=90) == 8


def test_the_probe_measures_that_nodes_reach_the_address_by_the_proxy(reached: Far) -> None:
    view = call_broker("probe", site="sitec")
    rows = {row["what"]: row for row in view["rows"]}
    spec = reached.site.spec
    assert rows["Outbound TLS"]["verdict"] == "works", view
    assert rows["Outbound TLS"]["found"] == (
        f"Nodes reach {spec.outside_address}:{spec.door_port} by the proxy "
        f"{spec.proxy_address}:{spec.proxy_port}."
    )
    assert view["chosen"].startswith("Workers are reached by outbound TLS")
    assert PROXY_PASSWORD not in json.dumps(view)


def _bytes_from(far: Far, view: View | None = None) -> int:
    view = view or call_broker("cluster", name="main")
    return sum(link["bytes"] for link in view["links"] if link["source"] == far.site.spec.name)


def _no_secret_lies_about(far: Far) -> None:
    (stored,) = [json.loads(p.read_bytes()) for p in data_dir().glob("clusters/*/cluster.json")]
    of = {group["plan"]["site"]: group["jobs"] for group in stored["groups"]}
    tokens = [agent["token"] for jobs in of.values() for job in jobs for agent in job["agents"]]
    job = of["sitec"][0]["id"]
    script = far.site.client("scontrol", "write", "batch_script", job, "-").stdout
    assert "jupyter_continuum.worker" in script
    places = [log_path(), *far.site.work.rglob("*"), *far.site.daemons.log.rglob("*")]
    left = [path.read_text(errors="replace") for path in places if path.is_file()]
    lines = [
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
    ]
    for text in (script, *left, *lines, json.dumps(call_broker("clusters"))):
        for secret in (PROXY_PASSWORD, *tokens):
            assert secret not in text
