"""The cluster itself: it runs what a real one runs, refuses whom it should, and goes away."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import jupyter_continuum
from tests.rig.daemons import started, wait_until
from tests.rig.kubernetes import absence, rig, source
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.kubectl import Kubectl

pytestmark = pytest.mark.kubernetes
REPOSITORY = Path(__file__).resolve().parent.parent.parent.parent
CGROUPS = Path("/sys/fs/cgroup")
HOLD = """
import json, time
from tests.rig.kubernetes.rig import running
with running() as cluster:
    print(json.dumps([cluster.spec.instance, cluster.status()]), flush=True)
    time.sleep(600)
"""


def pod(name: str, image: str, *command: str, gpus: int = 0) -> str:
    container: dict[str, Any] = {"name": "main", "image": image, "command": list(command)}
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def status(kubectl: Kubectl, name: str) -> dict[str, Any]:
    found: dict[str, Any] = kubectl.get("pod", name)["status"]
    return found


def test_the_node_is_ready(kubernetes: Cluster):
    nodes = kubernetes.kubectl.get("nodes")["items"]
    ready = {"type": "Ready", "status": "True"}
    assert nodes
    assert all(
        any(ready.items() <= one.items() for one in node["status"]["conditions"]) for node in nodes
    )


def test_a_pod_of_the_restricted_user_runs_this_checkout(
    kubernetes: Cluster, kubernetes_image: str
):
    """Created, read and deleted with nothing but the shipped Role."""
    kubectl = kubernetes.access.kubectl("restricted")
    show = "import jupyter_continuum.worker.__main__ as m; print(m.ContinuumError.__module__)"
    version = "import jupyter_continuum; print(jupyter_continuum.__version__)"
    command = ["python", "-c", f"{show}; {version}"]
    kubectl.run("create", "-f-", stdin=pod("version", kubernetes_image, *command))
    try:
        wait_until(
            lambda: status(kubectl, "version")["phase"] in ("Succeeded", "Failed"),
            "The pod has not ended",
            60,
        )
        printed = kubectl.run("logs", "version").split()
    finally:
        kubectl.run("delete", "pod", "version")
    assert printed == ["jupyter_continuum.errors", jupyter_continuum.__version__]


def test_gpus_are_given_out_by_the_real_scheduler(kubernetes: Cluster, kubernetes_image: str):
    kubernetes.offer_gpus(3)
    kubectl, names = kubernetes.access.kubectl("restricted"), ("gpu-1", "gpu-2")
    show = "import os, time; print(os.environ['NVIDIA_VISIBLE_DEVICES']); time.sleep(600)"
    phases: dict[str, str] = {}

    def decided() -> bool:
        phases.update({status(kubectl, name)["phase"]: name for name in names})
        return phases.keys() >= {"Running", "Pending"}

    try:
        for name in names:
            text = pod(name, kubernetes_image, "python", "-c", show, gpus=2)
            kubectl.run("create", "-f-", stdin=text)
        wait_until(decided, "It is not so that one runs and the other waits", 60)
        wait_until(lambda: bool(kubectl.run("logs", phases["Running"])), "Nothing printed")
        devices = kubectl.run("logs", phases["Running"]).strip().split(",")
        (condition,) = status(kubectl, phases["Pending"])["conditions"]
    finally:
        kubectl.run("delete", "pod", *names)
        kubernetes.offer_gpus(0)
    assert "Insufficient nvidia.com/gpu" in condition["message"]
    assert len(devices) == 2
    assert set(devices) < {"0", "1", "2"}


@pytest.mark.parametrize(
    ("account", "nodes", "pods"),
    [
        ("restricted", "Forbidden", ""),
        ("reader", "", ""),
        ("stranger", "Forbidden", "Forbidden"),
        ("invalid", "Unauthorized", "Unauthorized"),
        ("expired", "Unauthorized", "Unauthorized"),
    ],
)
def test_each_may_do_what_was_granted(kubernetes: Cluster, account: str, nodes: str, pods: str):
    if account == "expired":
        kubernetes.expired()
    kubectl = kubernetes.access.kubectl(account)

    def refusal(*words: str) -> str:
        done = kubectl.attempt("get", *words)
        known = ("Forbidden", "Unauthorized")
        return next((word for word in known if word in done.stderr), done.stderr.strip())

    assert refusal("nodes").removeprefix("No resources found") == nodes
    assert refusal("pods").startswith(pods or "No resources found")


def test_a_quota_refuses_with_its_name(kubernetes: Cluster, kubernetes_image: str):
    kubernetes.access.limit(pods="0")
    try:
        kubectl = kubernetes.access.kubectl("restricted")
        done = kubectl.attempt("create", "-f-", stdin=pod("one", kubernetes_image))
    finally:
        kubernetes.access.unlimit()
    assert "exceeded quota: quota" in done.stderr


def test_the_api_server_can_be_killed_and_keeps_what_it_knew(kubernetes: Cluster):
    kubernetes.kill_api()
    refused = kubernetes.kubectl.attempt("get", "nodes").stderr
    kubernetes.start_api()
    kubernetes.wait_for_api()
    assert "refused" in refused
    assert kubernetes.access.kubectl("restricted").attempt("get", "pods").returncode == 0


def test_a_frozen_api_server_is_silent_until_it_thaws(kubernetes: Cluster):
    kubernetes.freeze_api()
    try:
        late = kubernetes.kubectl.attempt("get", "nodes", "--request-timeout=1")
    finally:
        kubernetes.thaw_api()
    assert late.returncode != 0
    kubernetes.wait_for_api()


def test_a_dask_cluster_of_the_real_operator_computes(dask_operator):
    """Asked on the node, as from a pod: its workers are reached by the cluster's own names."""
    cluster = dask_operator.cluster
    address = f"tcp://proof-scheduler.{cluster.access.namespace}:8786"
    compute = (
        "from distributed import Client\n"
        f"with Client({address!r}) as client:\n"
        "    client.wait_for_workers(2, timeout=60)\n"
        "    print(client.submit(sum, [1, 2]).result())\n"
    )
    dask_operator.create("proof", workers=2)
    try:
        printed = cluster.node.run(dask_operator.python, "-W", "ignore", "-c", compute)
    finally:
        dask_operator.delete("proof")
    assert printed == "3\n"


def leftovers(instance: int) -> list[str]:
    """Whatever of an instance this machine still has."""
    name, folder = f"jck{instance}", rig.folder(instance)
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True)
    paths = [folder, *CGROUPS.glob(f"{name}*"), *CGROUPS.glob(f"*/{name}*")]
    return [
        *(str(path) for path in paths if path.exists()),
        *(line for line in links.stdout.splitlines() if f" {name}@" in line),
        *(line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line),
    ]


@pytest.mark.full
@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_nothing_is_left_of_a_second_cluster(kubernetes: Cluster, how: str):
    if not isinstance(kubernetes, Cluster):
        absence.absent(["Only clusters of our own run side by side."])
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            instance, daemons = json.loads(process.stdout.readline())
            assert instance != kubernetes.spec.instance
            assert leftovers(instance)
        finally:
            process.send_signal(signal.SIGINT if how == "interrupted" else signal.SIGKILL)
            process.wait(60)
    # One that was killed is taken down by its guard.
    wait_until(lambda: not any(map(started, daemons.values())), "its daemons still live", 60)
    wait_until(lambda: not leftovers(instance), "something of it is left", 60)
    assert kubernetes.kubectl.get("nodes")["items"], "the first has gone with it"


def test_what_is_missing_is_said_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(source, "ARCHIVE", tmp_path / "none")
    monkeypatch.setattr(source, "GIVEN", "")
    monkeypatch.setattr(source, "built", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(absence, "missing_for_a_node", list)
    (sentence,) = source.missing()
    assert sentence.endswith("./tests/run --full.")
