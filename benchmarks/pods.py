"""How long a second pod takes to be a worker, in turns with the Dask operator's.

    python benchmarks/pods.py [--rounds 5]

Needs what ``tests/rig/kubernetes`` needs (as root). One cluster of ours and one DaskCluster of the
real operator, each of one worker, in the same image on the same node; then each is scaled from one
worker to two, in turns, and back. *Scale*: from the call to two workers that the scheduler knows.
*Usable*: from the pod's Running, as the API shows it, to that. What the scheduler knows is asked of
the broker here, and of the operator's scheduler through the same port-forward as a client's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from record import save, spread

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.demo import end_everything
from jupyter_continuum.cli.playground import playground
from jupyter_continuum.sites.kubernetes_api import KubernetesApi
from jupyter_continuum.sites.profile import KubernetesSite, PodFlavour

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.dask_operator import DaskOperator
from tests.rig.kubernetes.images import worker_image
from tests.rig.kubernetes.rig import running

LOOK_SECONDS = 0.02
LONGEST_SECONDS = 120
THEIRS = "theirs"


class Watch(threading.Thread):
    """When each pod of the namespace was first seen running."""

    def __init__(self, kubeconfig: Path, image: str) -> None:
        super().__init__(daemon=True)
        offer = PodFlavour(name="cpu", image=image)
        self._site = KubernetesSite(context="rig", kubeconfig=str(kubeconfig), offers=(offer,))
        self.running: dict[str, float] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        asyncio.run(self._look())

    def end(self) -> None:
        self._ended.set()
        self.join()

    async def _look(self) -> None:
        api = KubernetesApi(self._site, "bench")
        await api.connect()
        while not self._ended.is_set():
            for pod in await api.items(api.path("pods"), "list pods"):
                if pod["status"].get("phase") == "Running":
                    self.running.setdefault(pod["metadata"]["name"], time.monotonic())
            await asyncio.sleep(LOOK_SECONDS)
        await api.close()


def until(true: Callable[[], bool]) -> float:
    """When it was true first."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {LONGEST_SECONDS} s")
        time.sleep(LOOK_SECONDS)
    return time.monotonic()


def our_workers() -> int:
    return int(call_broker("cluster", name="ours")["groups"][0]["workers_ready"])


def measure(
    watch: Watch, scale: Callable[[int], object], count: Callable[[], int]
) -> dict[str, float]:
    before, began = set(watch.running), time.monotonic()
    scale(2)
    done = until(lambda: count() == 2)
    (new,) = set(watch.running) - before
    scale(1)
    until(lambda: count() == 1)
    return {"scale": done - began, "usable": done - watch.running[new]}


@contextmanager
def both(cluster: Cluster, image: str) -> Iterator[tuple[DaskOperator, Any]]:
    operator = DaskOperator(cluster, image)
    operator.start()
    operator.create(THEIRS, workers=1)
    offer = {"name": "cpu", "image": image, "cpus": 1, "memory_gb": 0.8}
    site = {"context": "rig", "offers": [offer]}
    site["kubeconfig"] = str(cluster.access.kubeconfig("restricted"))
    asked = {"site": "kube", "kind": "kubernetes", "kubernetes": site}
    call_broker("connect", profile=asked)
    group = {"offer": "kube/cpu", "name": "kube", "walltime_minutes": 60}
    call_broker("launch", plan={"name": "ours", "groups": [group]})
    until(lambda: our_workers() == 1)
    try:
        with jc.attach(f"kube/{THEIRS}").get_client() as client:
            yield operator, client
    finally:
        operator.delete(THEIRS)
        operator.stop()


def scaled(cluster: Cluster) -> Callable[[int], object]:
    """What ``KubeCluster.scale`` does."""

    def scale(workers: int) -> None:
        words = ("patch", "daskworkergroup", f"{THEIRS}-default", "--type=merge")
        wanted = json.dumps({"spec": {"worker": {"replicas": workers}}})
        here = f"--namespace={cluster.access.namespace}"
        cluster.kubectl.run(*words, "--patch", wanted, here)

    return scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found: dict[str, list[dict[str, float]]] = {"ours": [], "operator": []}
    with running() as cluster, playground():
        image = cluster.load(worker_image())
        watch = Watch(cluster.access.kubeconfig("restricted"), image)
        watch.start()
        try:
            with both(cluster, image) as (_, client):
                for _ in range(rounds):
                    found["ours"].append(
                        measure(
                            watch,
                            lambda n: call_broker("scale", name="ours", group="kube", jobs=n),
                            our_workers,
                        )
                    )
                    found["operator"].append(
                        measure(
                            watch, scaled(cluster), lambda: len(client.scheduler_info()["workers"])
                        )
                    )
                    print(found["ours"][-1], found["operator"][-1], flush=True)
        finally:
            watch.end()
            end_everything()
    results = {
        who: {what: spread([each[what] for each in all]) for what in ("scale", "usable")}
        for who, all in found.items()
    }
    print(json.dumps(results, indent=1))
    print(save("pods", {"rounds": rounds, "seconds": results}))


if __name__ == "__main__":
    main()
