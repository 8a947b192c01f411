"""``dask_kubernetes.operator.KubeCluster`` in the environment of the Dask operator.

    python -P kube_cluster.py NAMESPACE IMAGE

Prints ``{"ready": true}``; then for each line it reads, the seconds from ``scale(2)`` to when the
scheduler knew its second worker; then one pod of a worker is left. Ends with its input.
"""

from __future__ import annotations

import json
import sys
import time

import kr8s
from dask_kubernetes.operator import KubeCluster, make_cluster_spec
from distributed import Client

NAME = "compared"
LONGEST_SECONDS = 120


def specification(image: str) -> dict:
    """One CPU of quota each; together they ask for the two CPUs of the node."""
    spec = make_cluster_spec(name=NAME, image=image, n_workers=1)
    worker, scheduler = (spec["spec"][part]["spec"] for part in ("worker", "scheduler"))
    worker["containers"][0] |= {"resources": one_cpu("750m")}
    worker["containers"][0]["args"] += ["--nthreads", "1"]
    scheduler["containers"][0] |= {"resources": one_cpu("500m")}
    worker["terminationGracePeriodSeconds"] = scheduler["terminationGracePeriodSeconds"] = 1
    return spec


def one_cpu(requested: str) -> dict:
    return {"requests": {"cpu": requested}, "limits": {"cpu": "1"}}


def grow(cluster: KubeCluster, client: Client) -> float:
    before = set(client.sync(client.scheduler.identity)["workers"])
    began = time.time()
    cluster.scale(2)
    client.wait_for_workers(2, timeout=LONGEST_SECONDS)
    (new,) = set(client.sync(client.scheduler.identity)["workers"]) - before
    events = client.get_events(new)
    return next(when for when, event in events if event["action"] == "add-worker") - began


def shrink(cluster: KubeCluster) -> None:
    """Back to one, and wait until the other's pod has gone."""
    cluster.scale(1)
    labels = {"dask.org/cluster-name": NAME, "dask.org/component": "worker"}
    deadline = time.monotonic() + LONGEST_SECONDS
    while len(list(kr8s.get("pods", namespace=cluster.namespace, label_selector=labels))) > 1:
        if time.monotonic() > deadline:
            raise TimeoutError("the second worker does not leave")
        time.sleep(0.1)


def main(namespace: str, image: str) -> None:
    spec = specification(image)
    with (
        KubeCluster(namespace=namespace, custom_cluster_spec=spec, quiet=True) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(1, timeout=LONGEST_SECONDS)
        print(json.dumps({"ready": True}), flush=True)
        for _ in sys.stdin:
            seconds = grow(cluster, client)
            shrink(cluster)
            print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
