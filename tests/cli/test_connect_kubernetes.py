"""``connect`` and ``sweep --at`` at a real Kubernetes, bound to the shipped Role alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import continuum, names, told
from tests.cli.test_sweep import SUM, rows, sweep
from tests.conftest import RunningBroker
from tests.rig.kubernetes.cluster import Cluster
from tests.runs.notebooks import outputs, write

pytestmark = pytest.mark.kubernetes


def test_a_context_becomes_a_site_and_makes_a_cloud_of_the_catalogue_one(
    broker: RunningBroker, restricted: Path, kubernetes_image: str
) -> None:
    clouds = [site for site in told("sites") if site["kind"] == "cloud"]
    cloud = next(site for site in clouds if site["state"] == "catalogued")
    assert f"jupyter continuum connect {cloud['id']} --context NAME" in cloud["reason"]
    words = (
        *("--context", "rig", "--kubeconfig", str(restricted), "--image", kubernetes_image),
        *("--offer", "name=cpu,cpus=1,memory=1", "--yes"),
    )
    for site in ("mine", cloud["id"]):
        view = told("connect", site, *words)
        assert view["state"] == "ready"
        launchable = [offer["id"] for offer in view["offers"] if offer["launchable"]]
        assert launchable == [f"{site}/cpu"]
    saved = broker.state / "config" / "continuum" / "profiles" / "mine.json"
    token = json.loads(restricted.read_text())["users"][0]["user"]["token"]
    assert token not in saved.read_text()
    assert token not in broker.log


def test_what_is_missing_is_named(broker: RunningBroker, restricted: Path) -> None:
    done = continuum("connect", "mine", "--context", "rig", "--yes")
    assert done.status == 1
    assert "--image IMAGE" in done.err
    assert done.err.count("\n") == 1


def test_a_stranger_is_told_which_right_is_missing(
    broker: RunningBroker, kubernetes: Cluster, kubernetes_image: str
) -> None:
    done = continuum(
        *("connect", "mine", "--context", "rig", "--image", kubernetes_image, "--yes"),
        *("--kubeconfig", str(kubernetes.access.kubeconfig("stranger"))),
    )
    assert done.status == 1
    assert "no right to list pods in namespace" in done.err
    assert "jupyter continuum rbac | kubectl apply" in done.err


def test_kernels_of_a_sweep_are_in_the_pods_of_a_site(
    broker: RunningBroker, kubernetes: Cluster, kubernetes_kernel_image: str, tmp_path: Path
) -> None:
    told(
        *("connect", "mine", "--context", "rig", "--image", kubernetes_kernel_image, "--yes"),
        *("--kubeconfig", str(kubernetes.access.kubeconfig("restricted"))),
        *("--offer", "name=cpu,cpus=1,memory=1"),
    )
    cell = "import os\njc.record('pod', os.uname().nodename)\nif n == 2: raise ValueError('bad')"
    notebook = write(tmp_path / "a.ipynb", SUM, cell)
    ran = sweep(str(notebook), "-p", "n", "1:3", "--on", "mine/cpu", "--at", "mine")
    assert ran.status == 1, ran.err
    assert "1 of 3 runs did not complete, first run 2" in ran.err
    found = rows(tmp_path / "a-sweep")
    assert [(row["site"], row["outputs.total"]) for row in found] == [
        ("mine", "4"),
        ("mine", "5"),
        ("mine", "6"),
    ]
    assert [row["attempts"] for row in found] == ["1"] * 3
    (pod,) = {row["outputs.pod"] for row in found}
    assert pod.startswith("jc-"), pod
    assert "ValueError: bad" in outputs(tmp_path / "a-sweep" / "notebooks" / "2.ipynb")
    assert names() == []
    namespace = f"--namespace={kubernetes.access.namespace}"
    assert kubernetes.kubectl.get("pods", namespace)["items"] == []
