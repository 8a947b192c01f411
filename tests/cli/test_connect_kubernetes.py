"""``connect`` at a real Kubernetes, as somebody who is bound to the shipped Role alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import continuum, told
from tests.conftest import RunningBroker
from tests.rig.kubernetes.cluster import Cluster

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
