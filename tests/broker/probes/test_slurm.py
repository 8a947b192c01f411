"""Probes at real Slurm sites behind real sshd: what each of them allows is measured."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import ContinuumError
from tests.broker.conftest import View, launch
from tests.broker.test_real_sites import connect, queue
from tests.conftest import RunningBroker
from tests.rig.fixtures import ssh_login
from tests.rig.site import SlurmSite

pytestmark = pytest.mark.slurm

FORWARD, EXEC = "SSH forwarding", "SSH exec relay"


@pytest.fixture
def listener() -> Iterator[str]:
    """Somebody on this machine who can be dialled, for want of the internet."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def probe(site: SlurmSite, **asked: object) -> tuple[View, dict[str, View]]:
    """The view and its rows; afterwards nothing is left at the site."""
    view: View = call_broker("probe", site=site.spec.name, **asked)
    assert queue(site) == ""
    assert list((site.work / "jobs").iterdir()) == []
    assert call_broker("audit", end=False) == []
    return view, {row["what"]: row for row in view["rows"]}


def test_where_forwarding_is_allowed_it_is_measured_with_bytes(
    broker: RunningBroker, slurm_site_a: SlurmSite, worker_python: Path, listener: str
) -> None:
    connect(slurm_site_a, worker_python)
    view, rows = probe(slurm_site_a, outbound=listener)
    assert view["offer"] == "sitea/cpu"
    assert view["node"].startswith("a-c")
    assert rows[FORWARD]["verdict"] == "works"
    assert "MB/s" in rows[FORWARD]["found"]
    assert view["chosen"].startswith("Workers are reached by SSH forwarding")
    assert rows["Node to login node"]["verdict"] == "works"
    assert rows["Outbound network"]["found"].startswith(f"{listener} connected")
    assert rows["Python"]["found"].startswith(f"{worker_python} 3.")


def test_a_remote_forward_is_dialled_from_inside_the_job(
    broker: RunningBroker, slurm_site_b: SlurmSite, worker_python: Path
) -> None:
    connect(slurm_site_b, worker_python)
    _, rows = probe(slurm_site_b, outbound=f"{slurm_site_b.spec.outside_address}:9")
    found = rows["GatewayPorts"]
    assert found["verdict"] == "fails"
    assert found["found"].startswith("b-login:")
    assert found["found"].endswith(" refused")
    assert "loopback" in found["reason"]


def test_isolated_nodes_have_no_way_out_and_say_what_follows(
    broker: RunningBroker, slurm_site_b: SlurmSite, worker_python: Path
) -> None:
    connect(slurm_site_b, worker_python)
    view, rows = probe(slurm_site_b, outbound=f"{slurm_site_b.spec.outside_address}:9")
    assert rows[FORWARD]["verdict"] == "works"
    assert rows["Outbound network"]["verdict"] == "fails"
    assert rows["pip install in a job"]["verdict"] == "fails"
    assert "prepare siteb" in rows["pip install in a job"]["reason"]
    assert view["reachable"]


def test_a_door_that_denies_forwarding_is_measured_to_deny_it(
    broker: RunningBroker, slurm_site_a: SlurmSite, worker_python: Path, listener: str
) -> None:
    connect(slurm_site_a, worker_python, ssh=ssh_login(slurm_site_a, "closed"))
    view, rows = probe(slurm_site_a, outbound=listener)
    assert rows[FORWARD]["verdict"] == "fails"
    assert "denies forwarding" in rows[FORWARD]["reason"]
    assert rows["CPU architecture"]["found"] == "x86_64"
    assert rows[EXEC]["verdict"] == "works"
    assert "MB/s" in rows[EXEC]["found"]
    assert view["reachable"]
    assert view["chosen"] == "Workers are reached by SSH exec relay."
    assert rows["GatewayPorts"]["found"] == "no port lent"
    launch("sitea/cpu", walltime_minutes=5)
    (site,) = [each for each in call_broker("sites") if each["id"] == "sitea"]
    # Tried first, as it was measured: forwarding was not asked for again.
    assert (site["carrier"], site["carrier_reason"]) == ("ssh-exec", "")
    assert site["reach"]["chosen"] == "Workers are reached by SSH exec relay now."
    call_broker("stop", name="main")


def test_a_site_whose_nodes_are_taken_is_left_at_the_limit(
    broker: RunningBroker, slurm_site_a: SlurmSite, worker_python: Path
) -> None:
    connect(slurm_site_a, worker_python)
    names = ",".join(slurm_site_a.spec.cpu_names)
    slurm_site_a.client("scontrol", "update", f"NodeName={names}", "State=DRAIN", "Reason=test")
    try:
        with pytest.raises(ContinuumError, match="did not start within"):
            probe(slurm_site_a, offer="sitea/cpu", wait_minutes=0.1)
    finally:
        slurm_site_a.client("scontrol", "update", f"NodeName={names}", "State=RESUME")
        slurm_site_a.wait_for_nodes()
    assert queue(slurm_site_a) == ""
    assert list((slurm_site_a.work / "jobs").iterdir()) == []
