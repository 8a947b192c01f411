"""Clusters over this machine, a real Kubernetes and a Slurm site behind walls."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import wait

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import SiteError, Unknown
from jupyter_continuum.sites.kubernetes.pod import CLUSTER, OWNER
from tests.broker.conftest import View, all_ready, launch, wait_for, workers
from tests.conftest import RunningBroker
from tests.rig.daemons import wait_until
from tests.rig.fixtures import profile as slurm_profile
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.dask_operator import DaskOperator
from tests.rig.site import SlurmSite

pytestmark = pytest.mark.kubernetes

Attach = Callable[[str], Any]


def profile(kubeconfig: Path, image: str, **site: Any) -> View:
    offers = [
        {"name": "cpu", "image": image, "cpus": 1, "memory_gb": 0.8},
        {"name": "two", "image": image, "cpus": 2, "memory_gb": 0.8},
        {"name": "gpu", "image": image, "cpus": 2, "memory_gb": 0.8, "gpus": 2},
    ]
    values = {"context": "rig", "kubeconfig": str(kubeconfig), "offers": offers} | site
    return {"site": "kube", "kind": "kubernetes", "kubernetes": values}


@pytest.fixture
def kube(
    broker: RunningBroker, kubernetes: Cluster, restricted: Path, kubernetes_image: str
) -> Iterator[Cluster]:
    """A broker that is signed in. Afterwards neither pod nor Secret of ours may be left."""
    view = call_broker("connect", profile=profile(restricted, kubernetes_image))
    assert view["state"] == "ready"
    yield kubernetes
    for cluster in call_broker("clusters"):
        call_broker("stop", name=cluster["name"])
    assert left(kubernetes) == []
    token = json.loads(restricted.read_text())["users"][0]["user"]["token"]
    assert token not in broker.log


def left(cluster: Cluster) -> list[str]:
    """Everything in the namespace that is named like ours."""
    names = []
    for kind in ("pods", "secrets"):
        found = cluster.kubectl.get(kind, f"--namespace={cluster.access.namespace}")["items"]
        names += [f"{kind}/{each['metadata']['name']}" for each in found]
    return [name for name in names if "/jc-" in name]


def test_a_cluster_spans_this_machine_and_pods(kube: Cluster, client_of: Attach) -> None:
    launch("local/cores", "kube/cpu", walltime_minutes=5)
    client = client_of("main")
    here = client.submit(lambda: 40, workers=["local-0-0-0"], pure=False)
    there = client.submit(lambda x: x + 2, here, workers=["kube-0-0-0"], pure=False)
    back = client.submit(lambda x: x * 2, there, workers=["local-0-0-0"], pure=False)
    assert back.result(timeout=60) == 84
    with pytest.raises(SiteError, match="kube: files of pods are neither listed nor fetched"):
        call_broker("files", site="kube", path="/")
    found = {each["name"]: each["node"] for each in workers(call_broker("cluster", name="main"))}
    assert found["kube-0-0-0"] == "node1"
    # A ticket that was used is removed at the next look at the pods.
    wait_until(
        lambda: not any(name.startswith("secrets/") for name in left(kube)), "a ticket is left"
    )
    assert call_broker("stop", name="main")["state"] == "stopped"
    assert left(kube) == []


def test_two_pods_dial_each_other_directly(kube: Cluster, client_of: Attach) -> None:
    launch("kube/cpu", jobs=2, walltime_minutes=5)
    client = client_of("main")
    data = client.submit(bytes, 20_000_000, workers=["kube-0-0-0"], pure=False)
    size = client.submit(len, data, workers=["kube-1-0-0"], pure=False)
    assert size.result(timeout=60) == 20_000_000
    crossed = sum(link["bytes"] for link in call_broker("cluster", name="main")["links"])
    assert crossed < 10_000_000  # the data itself went from pod to pod


def test_the_workers_of_one_pod_fork_from_one_process_and_come_back_without_it(
    kube: Cluster, client_of: Attach
) -> None:
    launch("kube/two", workers_per_node=2, walltime_minutes=5)
    client = client_of("main")
    zygote = set(client.run(os.getppid).values())
    assert len(zygote) == 1
    (pod,) = {each["job"] for each in workers(call_broker("cluster", name="main"))}
    before = client.map(lambda n: n * n, range(20), pure=False)
    wait(before)
    pids = set(client.run(os.getpid).values())
    client.submit(os.kill, zygote.pop(), signal.SIGKILL, pure=False, retries=0)
    wait_until(lambda: not pids & set(answers(client)), "workers without a zygote live on", 60)
    view = wait_for("main", all_ready)
    assert client.gather(client.map(lambda n: n + 1, before)) == [n * n + 1 for n in range(20)]
    assert {each["job"] for each in workers(view)} == {pod}


def answers(client: Any) -> list[int]:
    """Processes of the workers; those that end just now do not count."""
    return [pid for pid in client.run(os.getpid, on_error="ignore").values() if pid]


def test_gpus_of_pods_are_numbered_from_zero(kube: Cluster, client_of: Attach) -> None:
    kube.offer_gpus(2)
    try:
        view = launch("kube/gpu", walltime_minutes=5)
        assert [each["device"] for each in workers(view)] == ["0", "1"]
        call_broker("stop", name="main")
    finally:
        kube.offer_gpus(0)


def test_why_a_pod_waits_is_the_reason_of_its_worker(kube: Cluster) -> None:
    call_broker("launch", plan={"name": "main", "groups": [{"offer": "kube/gpu"}]})
    view = wait_for("main", lambda view: "Insufficient" in workers(view)[0]["reason"])
    assert "Insufficient nvidia.com/gpu" in workers(view)[0]["reason"]
    assert call_broker("stop", name="main")["state"] == "stopped"


def test_an_image_that_is_not_there_is_told_and_stops_clean(
    kube: Cluster, restricted: Path
) -> None:
    call_broker("disconnect", site="kube")
    call_broker("connect", profile=profile(restricted, "localhost/no-such:1"))
    call_broker("launch", plan={"name": "main", "groups": [{"offer": "kube/cpu"}]})
    wait_for("main", lambda view: "ImagePull" in workers(view)[0]["reason"], seconds=120)


def test_a_used_up_quota_refuses_the_group_once(kube: Cluster) -> None:
    kube.access.limit(pods="0")
    try:
        namespace = f"--namespace={kube.access.namespace}"
        while not kube.kubectl.get("resourcequota", "quota", namespace)["status"].get("used"):
            time.sleep(0.1)
        call_broker("launch", plan={"name": "main", "groups": [{"offer": "kube/cpu"}]})
        view = wait_for("main", lambda view: view["groups"][0]["state"] == "failed")
        assert "quota of namespace 'continuum' is used up" in view["groups"][0]["reason"]
        assert workers(view) == []
    finally:
        kube.access.unlimit()


def test_audit_ends_no_pod_of_a_colleague(kube: Cluster) -> None:
    name = "jc-theirs-g-00000000"
    labels = {OWNER: "jupyter-continuum", CLUSTER: "theirs"}  # as all of ours were once
    container = {"name": "worker", "image": "localhost/no-such:1"}
    kube.kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": kube.access.namespace, "labels": labels},
            "spec": {"containers": [container]},
        }
    )
    try:
        assert call_broker("audit", end=True) == []
        assert left(kube) == [f"pods/{name}"]
    finally:
        words = ("--force", "--grace-period=0", f"--namespace={kube.access.namespace}")
        kube.kubectl.run("delete", "pod", name, *words)


@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.full)])
def test_a_cluster_survives_an_api_server_that_is_gone(
    kube: Cluster, client_of: Attach, seconds: int
) -> None:
    launch("local/cores", "kube/cpu", walltime_minutes=10)
    client = client_of("main")
    kept = client.submit(lambda: 7, workers=["kube-0-0-0"], pure=False)
    assert kept.result(timeout=30) == 7
    kube.kill_api()
    began = time.monotonic()
    try:
        wait_for_site(lambda site: site["state"] == "unreachable")
        later = client.submit(lambda x: x + 1, kept, workers=["local-0-0-0"], pure=False)
        # The fault itself: how long the API server is gone.
        time.sleep(max(0, began + seconds - time.monotonic()))
    finally:
        kube.start_api()
        kube.wait_for_api()
    assert later.result(timeout=120) == 8
    wait_for_site(lambda site: site["state"] == "ready", seconds=120)
    view = wait_for("main", all_ready)
    assert [each["name"] for each in workers(view)] == ["local-0-0-0", "kube-0-0-0"]


@pytest.mark.parametrize(
    ("account", "state", "words"),
    [
        ("invalid", "sign-in", "does not accept the credentials"),
        ("stranger", "unreachable", "no right to list pods"),
    ],
)
def test_a_site_that_may_not_be_used_says_why_and_is_left_alone(
    broker: RunningBroker,
    kubernetes: Cluster,
    kubernetes_image: str,
    account: str,
    state: str,
    words: str,
) -> None:
    asked = profile(kubernetes.access.kubeconfig(account), kubernetes_image)
    with pytest.raises(SiteError, match=words):
        call_broker("connect", profile=asked)
    (site,) = [each for each in call_broker("sites") if each["id"] == "kube"]
    assert site["state"] == state
    assert words in site["reason"]


@pytest.mark.slurm
def test_three_ways_compute_what_one_machine_computes(
    kube: Cluster, slurm_site_b: SlurmSite, worker_python: Path, client_of: Attach
) -> None:
    asked = slurm_profile(slurm_site_b, worker_python).model_dump(mode="json")
    assert call_broker("connect", profile=asked)["state"] == "ready"
    launch("local/cores", "siteb/cpu", "kube/cpu", walltime_minutes=10)
    client = client_of("main")
    names = ["local-0-0-0", "siteb-0-0-0", "kube-0-0-0"]

    def part(number: int) -> Any:
        import numpy

        return numpy.random.default_rng(number).integers(0, 1000, size=(200, 200))

    def total(one: Any, other: Any) -> Any:
        return one @ other % 1009

    parts = [
        client.submit(part, number, workers=[names[number % 3]], pure=False) for number in range(9)
    ]
    expected = [part(number) for number in range(9)]
    for turn in range(8):
        where = names[turn % 3]
        left_one, right_one = parts.pop(0), parts.pop(0)
        parts.append(client.submit(total, left_one, right_one, workers=[where], pure=False))
        expected.append(total(expected.pop(0), expected.pop(0)))
    assert (parts[0].result(timeout=120) == expected[0]).all()
    assert call_broker("stop", name="main")["state"] == "stopped"


def wait_for_site(met: Callable[[View], bool], *, seconds: float = 60) -> View:
    deadline = time.monotonic() + seconds
    while True:
        (view,) = [each for each in call_broker("sites") if each["id"] == "kube"]
        if met(view):
            return view
        assert time.monotonic() < deadline, view
        time.sleep(0.1)


# Their image is theirs: Dask says what differs, here pandas.
@pytest.mark.filterwarnings("ignore:Mismatched versions")
def test_clusters_of_the_dask_operator_are_listed_and_attached_to(
    dask_operator: DaskOperator, kube: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    import jupyter_continuum as jc
    from jupyter_continuum.cli import main

    dask_operator.create("theirs")
    try:
        deadline = time.monotonic() + 60
        while not (found := jc.foreign_clusters()):
            assert time.monotonic() < deadline
            call_broker("refresh", site="kube")
            time.sleep(0.5)
        assert [(each["name"], each["state"]) for each in found] == [("kube/theirs", "running")]
        assert main(["list"]) == 0
        assert "kube/theirs" in capsys.readouterr().out
        with jc.attach("kube/theirs").get_client() as client:
            client.wait_for_workers(1, timeout=60)
            assert client.submit(lambda x: x + 1, 41).result(timeout=60) == 42
            assert len(client.gather(client.submit(bytes, 5_000_000))) == 5_000_000
        with pytest.raises(Unknown, match="kube/theirs"):
            jc.attach("kube/other")
    finally:
        dask_operator.delete("theirs")
