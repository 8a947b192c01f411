"""A broker with emulated sites or the real rig, and clients of what it launches."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.start import socket_path
from tests.conftest import RunningBroker, use_folders

View = dict[str, Any]  # what the broker's JSON holds


def emulated(site: str, **fields: Any) -> View:
    link = {"queue_seconds": 0, "nodes": 2, "cpus_per_node": 2, "delay_ms": 2} | fields
    return {"site": site, "kind": "emulated", "emulated": link}


@pytest.fixture
def two_sites(broker: RunningBroker) -> RunningBroker:
    """A broker with the emulated sites ``north`` and ``south``, beside ``local``."""
    for site in ("north", "south"):
        assert call_broker("connect", profile=emulated(site))["state"] == "ready"
    return broker


PRICED = """
id: north
name: North
kind: emulated
sources: {list: {title: a price list, tier: official, date: 2026-11-01}}
source: list
offers:
  cpu: {partition: cpu, price_eur_per_hour: 3600}
"""


@pytest.fixture
def priced(state: Path) -> Iterator[Path]:
    """A broker whose emulated site ``north`` costs a EUR a second and node, by an own record."""
    from jupyter_continuum.cli.clearing import end_everything
    from jupyter_continuum.paths import config_dir

    (config_dir() / "sites").mkdir(parents=True)
    (config_dir() / "sites" / "north.yaml").write_text(PRICED)
    try:
        call_broker("connect", profile=emulated("north", nodes=3, cpus_per_node=1))
        yield state
    finally:
        assert not end_everything()


def wait_for(name: str, met: Callable[[View], bool], *, seconds: float = 60) -> View:
    """The cluster's view once ``met`` holds; fails with the last view otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        view: View = call_broker("cluster", name=name)
        if met(view):
            return view
        assert time.monotonic() < deadline, view
        time.sleep(0.1)


def all_ready(view: View) -> bool:
    return all(group["workers_ready"] >= group["workers_wanted"] for group in view["groups"])


def workers(view: View) -> list[View]:
    return [worker for group in view["groups"] for worker in group["workers"]]


def launch(*offers: str, name: str = "main", **group: Any) -> View:
    groups = [{"offer": offer, **group} for offer in offers]
    call_broker("launch", plan={"name": name, "groups": groups})
    return wait_for(name, all_ready)


def processes() -> list[psutil.Process]:
    """Every process of this test's hub, scheduler, agents and workers; not the broker."""
    from jupyter_continuum.paths import socket_dir

    ours = str(socket_dir())
    found = []
    for process in psutil.process_iter():
        try:
            folder = process.environ().get("JC_JOB_FOLDER", "")
            if process.status() != psutil.STATUS_ZOMBIE and (
                folder.startswith(ours) or any(ours in word for word in process.cmdline())
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill_broker(pid: int) -> None:
    """What ``kill -9`` does, and the kernel has closed its socket when this returns."""
    broker = psutil.Process(pid)
    broker.kill()
    psutil.wait_procs([broker], timeout=10)


@contextmanager
def broker_with_lease(seconds: float, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real broker that waits for holders for less time than a plan may ask for."""
    program = (
        "import asyncio\nfrom jupyter_continuum.broker.__main__ import run\n"
        f"asyncio.run(run(lease_seconds={seconds}))"
    )
    socket_path().unlink(missing_ok=True)  # of one that was killed: it says nothing of this one
    with log.open("ab") as file:
        broker = subprocess.Popen(
            [sys.executable, "-P", "-c", program], stdout=file, stderr=file, start_new_session=True
        )
    try:
        while not socket_path().exists():
            assert broker.poll() is None, log.read_text()
            time.sleep(0.05)
        yield broker
    finally:
        broker.terminate()
        broker.wait(timeout=30)


@pytest.fixture(scope="module")
def standing() -> Iterator[View]:
    """One cluster ``main`` over ``local``, ``north`` and ``south`` for tests that only look."""
    from jupyter_continuum.cli.clearing import end_everything
    from jupyter_continuum.paths import socket_dir

    with pytest.MonkeyPatch.context() as patch:
        root = Path(tempfile.mkdtemp(prefix="jct-"))
        use_folders(patch, root)
        sockets = socket_dir()
        for site in ("north", "south"):
            call_broker("connect", profile=emulated(site))
        yield launch("local/cores", "north/cpu", "south/cpu")
        assert not end_everything()
        shutil.rmtree(sockets, ignore_errors=True)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def client_of() -> Iterator[Callable[[str], Any]]:
    """Attach to a cluster by name as a notebook would; closed afterwards."""
    import jupyter_continuum as jc

    opened = []

    def attach(name: str) -> Any:  # a distributed.Client
        opened.append(jc.attach(name).get_client())
        return opened[-1]

    yield attach
    for client in opened:
        client.close()
