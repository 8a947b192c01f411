"""What can be had of a namespace, from what may be read of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from jupyter_continuum.sites.kubernetes.offers import Holding, offers, quantity
from jupyter_continuum.sites.profile import PodFlavour, Toleration

CPU = PodFlavour(name="cpu", image="w:1", cpus=2, memory_gb=4)
GPU = PodFlavour(name="gpu", image="w:1", cpus=2, memory_gb=4, gpus=2, max_walltime_minutes=30)


def node(name: str = "n1", *, gpus: int = 4, product: str = "", **spec: Any) -> dict[str, Any]:
    labels = {"nvidia.com/gpu.product": product} if product else {}
    allocatable = {"cpu": "8", "memory": "16Gi", "nvidia.com/gpu": str(gpus)}
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": allocatable}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": ready}


def pod(node: str, phase: str = "Running", **requests: str) -> dict[str, Any]:
    container = {"resources": {"requests": {k.replace("_", "/"): v for k, v in requests.items()}}}
    return {"spec": {"nodeName": node, "containers": [container]}, "status": {"phase": phase}}


def quota(hard: dict[str, str], used: dict[str, str]) -> dict[str, Any]:
    return {"status": {"hard": hard, "used": used}}


def test_without_nodes_the_declaration_stands_and_free_is_unknown() -> None:
    (offer,) = offers([GPU], Holding())
    assert (offer.partition, offer.gpus_per_node, offer.cpus_per_node) == ("gpu", 2, 2)
    assert (offer.max_nodes, offer.max_walltime_seconds, offer.state) == (1, 1800, "UP")
    assert offer.nodes_free is offer.cpus_free is offer.gpus_free is offer.gpus_total is None


def test_a_limit_range_makes_a_pod_smaller() -> None:
    limit = {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1500m", "memory": "2G"}}]}}
    (offer,) = offers([CPU], Holding(limit_ranges=[limit]))
    assert (offer.cpus_per_node, offer.memory_gb_per_node) == (1, 2)


@pytest.mark.parametrize(
    ("hard", "used", "state"),
    [
        ({"requests.cpu": "4"}, {"requests.cpu": "2"}, "UP"),
        ({"requests.cpu": "4"}, {"requests.cpu": "3"}, "out of quota (requests.cpu: 3 of 4 used)"),
        ({"pods": "2"}, {"pods": "2"}, "out of quota (pods: 2 of 2 used)"),
        ({"limits.memory": "4Gi"}, {}, "UP"),
        ({"requests.nvidia.com/gpu": "1"}, {}, "UP"),  # the flavour asks for none
        ({"services": "0"}, {}, "UP"),
    ],
)
def test_a_quota_that_leaves_no_room_closes_the_offer(
    hard: dict[str, str], used: dict[str, str], state: str
) -> None:
    (offer,) = offers([CPU], Holding(quotas=[quota(hard, used)]))
    assert offer.state == state


def test_nodes_and_pods_give_live_numbers_and_the_model() -> None:
    nodes = [node("n1", product="NVIDIA-A100"), node("n2", product="NVIDIA-A100", gpus=1)]
    pods = [
        pod("n1", cpu="500m", memory="1Gi", **{"nvidia.com_gpu": "1"}),
        pod("n1", "Succeeded", cpu="8"),
        pod("", "Pending", cpu="8"),
        pod("elsewhere", cpu="8"),
    ]
    (offer,) = offers([GPU], Holding(nodes=nodes, pods=pods))
    assert (offer.gpus_total, offer.gpus_free, offer.gpu_type) == (5, 4, "NVIDIA-A100")
    assert offer.cpus_free == 15
    assert (offer.nodes_total, offer.nodes_free) == (2, 1)


def test_nodes_that_pods_may_not_go_to_do_not_count() -> None:
    tainted = node("n2", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])
    cordoned, broken = node("n3", unschedulable=True), node("n4")
    broken["status"]["conditions"][0]["status"] = "Unknown"
    nodes = [node("n1"), tainted, cordoned, broken]
    (offer,) = offers([CPU], Holding(nodes=nodes, pods=[]))
    assert (offer.nodes_total, offer.cpus_free) == (4, 8)
    bold = CPU.model_copy(update={"tolerations": (Toleration(key="gpu"),)})
    (offer,) = offers([bold], Holding(nodes=nodes, pods=[]))
    assert offer.nodes_total == 8
    picky = CPU.model_copy(update={"node_selector": {"zone": "a"}})
    (offer,) = offers([picky], Holding(nodes=nodes, pods=[]))
    assert (offer.nodes_total, offer.cpus_free) == (0, 0)


def test_two_models_are_no_model() -> None:
    nodes = [node("n1", product="A"), node("n2", product="B")]
    assert offers([GPU], Holding(nodes=nodes, pods=[]))[0].gpu_type == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", Fraction(1, 2)),
        ("2", 2),
        ("1.5", Fraction(3, 2)),
        ("2Gi", 2 * 2**30),
        ("3G", 3 * 10**9),
        ("1e3", 1000),
        (4, 4),
        ("", None),
        ("1; id", None),
        ("-1", None),
        (None, None),
        ("9" * 500, None),
        ("1e999", None),
    ],
)
def test_quantities_are_read_as_kubernetes_writes_them(text: Any, value: Any) -> None:
    assert quantity(text) == value
