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
from tests.rig.kubernetes import rig
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


def pod(name: str, image: str, *command: str, gpus: int = 0) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": image, "command": list(command)}
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "continuum"},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }


def status(kubectl: Kubectl, name: str) -> dict[str, Any]:
    found: dict[str, Any] = kubectl.get("pod", name, "--namespace=continuum")["status"]
    return found


def ended(kubectl: Kubectl, name: str) -> bool:
    return status(kubectl, name)["phase"] in ("Succeeded", "Failed")


def delete(kubectl: Kubectl, *names: str) -> None:
    kubectl.run("delete", "pod", *names, "--namespace=continuum", "--wait=true")


def test_the_node_is_ready(kubernetes: Cluster):
    (node,) = kubernetes.kubectl.get("nodes")["items"]
    ready = {one["type"]: one["status"] for one in node["status"]["conditions"]}
    assert ready["Ready"] == "True"


def test_a_pod_of_the_restricted_user_runs_this_checkout(kubernetes, kubernetes_image):
    """Created, read and deleted with nothing but the shipped Role."""
    kubectl = kubernetes.access.kubectl("restricted")
    show = "import jupyter_continuum.worker.__main__ as m; print(m.ContinuumError.__module__)"
    version = "import jupyter_continuum; print(jupyter_continuum.__version__)"
    words = [kubernetes_image, "python", "-c", f"{show}; {version}"]
    kubectl.run("create", "-f-", stdin=json.dumps(pod("version", *words)))
    wait_until(lambda: ended(kubectl, "version"), "The pod has not ended", 60)
    printed = kubectl.run("logs", "version", "--namespace=continuum").split()
    delete(kubectl, "version")
    assert printed == ["jupyter_continuum.errors", jupyter_continuum.__version__]


def test_gpus_are_given_out_by_the_real_scheduler(kubernetes, kubernetes_image):
    kubectl = kubernetes.kubectl
    kubernetes.offer_gpus(3)
    show = ["python", "-c", "import os, time; print(os.environ['NVIDIA_VISIBLE_DEVICES']);"]
    show[-1] += " time.sleep(600)"
    try:
        for name in ("gpu-1", "gpu-2"):
            kubectl.run(
                "create", "-f-", stdin=json.dumps(pod(name, kubernetes_image, *show, gpus=2))
            )
        phases: dict[str, dict[str, Any]] = {}

        def decided() -> bool:
            phases.update((status(kubectl, name)["phase"], status(kubectl, name)) for name in names)
            return phases.keys() >= {"Running", "Pending"}

        names = ("gpu-1", "gpu-2")
        wait_until(decided, "Neither runs and the other waits", 60)
        (reason,) = (one["message"] for one in phases["Pending"]["conditions"])
        assert "Insufficient nvidia.com/gpu" in reason
    finally:
        delete(kubectl, "gpu-1", "gpu-2")
        kubernetes.offer_gpus(0)


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
def test_each_may_do_what_was_granted(kubernetes, account, nodes, pods):
    if account == "expired":
        kubernetes.expired()
    kubectl = kubernetes.access.kubectl(account)

    def refusal(*words: str) -> str:
        done = kubectl.attempt("get", *words)
        if done.returncode == 0:
            return ""
        known = ("Forbidden", "Unauthorized")
        return next((word for word in known if word in done.stderr), done.stderr)

    assert refusal("nodes") == nodes
    assert refusal("pods", "--namespace=continuum") == pods
    assert refusal("pods", "--namespace=default") == (pods or ("" if not nodes else "Forbidden"))


def test_a_quota_refuses_with_its_name(kubernetes, kubernetes_image):
    kubernetes.access.limit(pods="0")
    try:
        kubectl = kubernetes.access.kubectl("restricted")
        done = kubectl.attempt("create", "-f-", stdin=json.dumps(pod("one", kubernetes_image)))
    finally:
        kubernetes.access.unlimit()
    assert "exceeded quota: quota" in done.stderr


def test_the_api_server_can_be_killed_and_keeps_what_it_knew(kubernetes):
    kubernetes.kubectl.run("create", "configmap", "kept", "--namespace=continuum")
    kubernetes.kill_api()
    refused = kubernetes.kubectl.attempt("get", "configmaps").stderr
    kubernetes.start_api()
    kubernetes.wait_for_api()
    assert "refused" in refused
    kubernetes.kubectl.run("delete", "configmap", "kept", "--namespace=continuum")


def test_a_frozen_api_server_is_silent_until_it_thaws(kubernetes):
    kubernetes.freeze_api()
    try:
        late = kubernetes.kubectl.attempt("get", "nodes", "--request-timeout=1")
    finally:
        kubernetes.thaw_api()
    assert late.returncode != 0
    kubernetes.wait_for_api()


def leftovers(instance: int) -> list[str]:
    """Whatever of an instance this machine still has."""
    name = f"jck{instance}"
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True)
    mounts = Path("/proc/mounts").read_text()
    paths = [rig.folder(instance), *CGROUPS.glob(f"{name}*"), *CGROUPS.glob(f"*/{name}*")]
    return [
        *(str(path) for path in paths if path.exists()),
        *(line for line in links.stdout.splitlines() if f" {name}@" in line),
        *(line for line in mounts.splitlines() if str(rig.folder(instance)) in line),
    ]


@pytest.mark.full
@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_nothing_is_left_of_a_cluster_beside_the_first(kubernetes, how):
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
    if how == "killed":
        assert any(map(started, daemons.values()))
        rig.cluster(instance).down()
    assert not any(map(started, daemons.values()))
    assert not leftovers(instance)
    assert kubernetes.kubectl.get("nodes")["items"], "the first has gone with it"
