"""A probe in a pod of a real cluster, as somebody who is bound to the shipped Role alone."""

from __future__ import annotations

import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import ContinuumError
from tests.broker.conftest import View
from tests.broker.test_kubernetes_site import kube, left
from tests.rig.kubernetes.cluster import Cluster

pytestmark = pytest.mark.kubernetes

__all__ = ["kube"]


def test_a_pod_is_probed_through_the_api_alone(kube: Cluster) -> None:
    view: View = call_broker("probe", site="kube", outbound="127.0.0.1:9")
    rows = {row["what"]: row for row in view["rows"]}
    assert (view["offer"], view["node"], view["reachable"]) == ("kube/cpu", "node1", True)
    assert rows["Kubernetes port-forward"]["verdict"] == "works"
    assert "MB/s" in rows["Kubernetes port-forward"]["found"]
    assert view["chosen"] == "Workers are reached by Kubernetes port-forward."
    assert "GatewayPorts" not in rows
    assert "into the image" in rows["pip install in a job"]["reason"]
    assert rows["Python"]["verdict"] == "works"
    assert left(kube) == []
    assert call_broker("audit", end=False) == []


def test_a_pod_that_never_starts_is_left_at_the_limit_with_its_reason(kube: Cluster) -> None:
    with pytest.raises(ContinuumError, match="Insufficient nvidia"):
        call_broker("probe", site="kube", offer="kube/gpu", wait_minutes=0.2)
    assert left(kube) == []
