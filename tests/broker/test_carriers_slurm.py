"""Clusters at real Slurm sites whose login nodes deny forwarding, or change their mind."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.client import call_broker
from tests.broker.conftest import View, launch, wait_for
from tests.broker.test_real_sites import connect, queue
from tests.conftest import RunningBroker
from tests.rig.daemons import wait_until
from tests.rig.fixtures import ssh_login
from tests.rig.site import SlurmSite

pytestmark = pytest.mark.slurm

Attach = Callable[[str], Any]
DENIED = "Not ssh-forward: the login node denies forwarding"


@pytest.fixture
def closed(
    broker: RunningBroker, slurm_site_a: SlurmSite, slurm_site_b: SlurmSite, worker_python: Path
) -> Iterator[tuple[SlurmSite, SlurmSite]]:
    """Both sites by doors that deny forwarding. Afterwards nothing of ours is left there."""
    both = slurm_site_a, slurm_site_b
    for site in both:
        view = connect(site, worker_python, ssh=ssh_login(site, "closed"))
        assert view["state"] == "ready"
    yield both
    stop_all(*both)


@pytest.fixture
def changeable(
    broker: RunningBroker, slurm_site_b: SlurmSite, worker_python: Path
) -> Iterator[SlurmSite]:
    """The site behind walls, by a door that allows forwarding, and does again afterwards."""
    assert connect(slurm_site_b, worker_python)["state"] == "ready"
    yield slurm_site_b
    stop_all(slurm_site_b)
    slurm_site_b.change_forwarding(allowed=True)


def stop_all(*sites: SlurmSite) -> None:
    for view in call_broker("clusters"):
        call_broker("stop", name=view["name"])
    for site in sites:
        assert queue(site) == ""
        wait_until(lambda site=site: not site.relays(), "a relay program was left behind")


def seen(site: str) -> View:
    view: View = next(each for each in call_broker("sites") if each["id"] == site)
    return view


def rides_on(site: str, carrier: str) -> None:
    deadline = time.monotonic() + 60
    while seen(site)["carrier"] != carrier:
        assert time.monotonic() < deadline, seen(site)
        time.sleep(0.1)


def work() -> tuple[Callable[[int], bytes], Callable[[bytes], str]]:
    """Made in here, or they would travel as names in a module that no site has."""

    def blob(seed: int) -> bytes:
        return random.Random(seed).randbytes(20_000_000)

    def digest(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    return blob, digest


blob, digest = work()


def test_one_cluster_spans_sites_that_deny_forwarding(
    closed: tuple[SlurmSite, SlurmSite], client_of: Attach
) -> None:
    view = launch("local/cores", "sitea/cpu", "siteb/cpu", walltime_minutes=5)
    assert [group["carrier"] for group in view["groups"]] == ["socket", "ssh-exec", "ssh-exec"]
    for site in ("sitea", "siteb"):
        assert seen(site)["carrier"] == "ssh-exec"
        assert seen(site)["carrier_reason"].startswith(DENIED)
    client = client_of("main")
    made = client.submit(blob, 1, workers=["siteb-0-0-0"], pure=False)
    read = client.submit(digest, made, workers=["sitea-0-0-0"], pure=False)
    assert read.result(timeout=60) == digest(blob(1))
    for site in closed:
        assert len(site.relays()) == 1, "one program carries all"


def test_an_exec_channel_that_is_closed_in_the_middle_of_a_transfer_loses_no_byte(
    closed: tuple[SlurmSite, SlurmSite], client_of: Attach
) -> None:
    launch("local/cores", "siteb/cpu", walltime_minutes=5)
    _, far = closed
    client = client_of("main")
    made = client.map(blob, range(4), workers=["siteb-0-0-0"], pure=False)
    client.gather(client.map(len, made))
    before = _carried()
    read = client.map(digest, made, workers=["local-0-0-0"], pure=False)
    wait_until(lambda: _carried() > before + 5_000_000, "nothing was transferred")
    for pid in far.relays():
        os.kill(pid, signal.SIGKILL)
    assert client.gather(read) == [digest(blob(seed)) for seed in range(4)]


def _carried() -> int:
    return sum(link["bytes"] for link in call_broker("cluster", name="main")["links"])


def test_a_cluster_goes_on_when_its_site_begins_to_deny_forwarding_and_when_it_ends(
    changeable: SlurmSite, client_of: Attach
) -> None:
    launch("local/cores", "siteb/cpu", walltime_minutes=5)
    assert seen("siteb")["carrier"] == "ssh-forward"
    assert seen("siteb")["carrier_reason"] == ""
    client = client_of("main")
    for allowed, carrier in ((False, "ssh-exec"), (True, "ssh-forward")):
        made = client.map(blob, range(4), workers=["siteb-0-0-0"], pure=False)
        read = client.map(digest, made, workers=["local-0-0-0"], pure=False)
        changeable.change_forwarding(allowed=allowed)
        assert client.gather(read) == [digest(blob(seed)) for seed in range(4)]
        rides_on("siteb", carrier)
        del made, read
    assert len(queue(changeable).splitlines()) == 1, "the job was never ended"


def test_the_persons_choice_stands_alone(
    broker: RunningBroker, slurm_site_a: SlurmSite, worker_python: Path
) -> None:
    connect(slurm_site_a, worker_python, carrier="ssh-exec")
    try:
        view = launch("sitea/cpu", walltime_minutes=5)
        assert view["groups"][0]["carrier"] == "ssh-exec"
        assert seen("sitea")["carrier_reason"] == ""
    finally:
        stop_all(slurm_site_a)


def test_when_no_carrier_works_the_workers_reason_names_what_was_tried(
    broker: RunningBroker, slurm_site_a: SlurmSite, worker_python: Path
) -> None:
    login = ssh_login(slurm_site_a, "closed")
    connect(slurm_site_a, worker_python, ssh=login, carrier="ssh-forward")
    try:
        call_broker("launch", plan={"name": "main", "groups": [{"offer": "sitea/cpu"}]})
        view = wait_for("main", lambda view: "no way" in view["groups"][0]["reason"])
        (worker,) = view["groups"][0]["workers"]
        assert worker["state"] == "joining"
        assert "ssh-forward: the login node denies forwarding" in worker["reason"]
    finally:
        stop_all(slurm_site_a)
