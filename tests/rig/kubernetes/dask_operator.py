"""The real Dask operator, in an environment of its own, beside a cluster of the rig."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.daemons import RigError, wait_until
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.debian import alone, cache

REQUIREMENT = "dask-kubernetes==2026.3.0"
MODULE = "dask_kubernetes.operator.controller"
"""``dask_kubernetes.operator``, which its own documentation names, registers no handler."""
DEFINITIONS = "dask_kubernetes/operator/deployment/helm/dask-kubernetes-operator/crds"
HEALTH = "http://127.0.0.1:18081/healthz"
PARTS = "daskworkergroups.kubernetes.dask.org,deployments,services"
DASK_CLUSTER = "daskclusters.kubernetes.dask.org"


def environment() -> Path:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache() / f"operator-{REQUIREMENT.rpartition('=')[2]}-py{version}"


def prepare() -> Path:
    """Download what the operator needs into its environment, once."""
    with alone("operator"):
        if not environment().exists():
            trusting = {**os.environ, "UV_NATIVE_TLS": "1", "UV_LINK_MODE": "copy"}
            partial = environment().with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            uv = [sys.executable, "-m", "uv"]
            for words in (
                ["venv", "--quiet", "--python", sys.executable, str(partial)],
                [
                    "pip",
                    "install",
                    "--quiet",
                    "--compile-bytecode",
                    "--python",
                    str(partial),
                    REQUIREMENT,
                ],
            ):
                done = subprocess.run(
                    [*uv, *words], env=trusting, capture_output=True, text=True, check=False
                )
                if done.returncode:
                    reason = done.stderr.strip().splitlines()[-1:]
                    raise RigError(f"{REQUIREMENT} cannot be installed: {' '.join(reason)}")
            partial.rename(environment())
    return environment()


@dataclass(frozen=True, slots=True)
class DaskOperator:
    """Runs on the node, where it resolves the cluster's names as a pod would."""

    cluster: Cluster
    image: str
    """With ``dask-scheduler`` and ``dask-worker`` in it."""

    @property
    def python(self) -> Path:
        """With dask, distributed and dask-kubernetes, the same versions as in the image."""
        return environment() / "bin" / "python"

    def start(self) -> None:
        kubectl, python = self.cluster.kubectl, self.python
        (definitions,) = environment().glob(f"lib/python3*/site-packages/{DEFINITIONS}")
        if kubectl.attempt("get", "crd", DASK_CLUSTER).returncode:
            # They are longer than the annotation that `apply` would keep of them.
            kubectl.run("create", "--filename", str(definitions))
        # Of a kind that has no conditions yet, `wait` says that it is broken.
        established = ("wait", "--for=condition=Established", "crd", "--all", "--timeout=5s")
        wait_until(
            lambda: kubectl.attempt(*established).returncode == 0,
            "The API server does not take to the kinds of the Dask operator",
            60,
        )
        race = Path(__file__).with_name("operator_race.py")
        self.cluster.node.spawn(
            "operator",
            [
                *("env", f"KUBECONFIG={kubectl.kubeconfig}", python, "-W", "ignore", "-m", "kopf"),
                *("run", "-m", MODULE, race, "--all-namespaces", f"--liveness={HEALTH}"),
            ],
        )
        ask = f"import urllib.request; urllib.request.urlopen({HEALTH!r}, timeout=2)"
        log = self.cluster.spec.path("log") / "operator.out"

        def healthy() -> bool:
            if self.cluster.node.daemons.pid("operator") is None:
                raise RigError(f"The Dask operator has ended; see {log}")
            return self.cluster.node.attempt(python, "-c", ask).returncode == 0

        wait_until(healthy, f"The Dask operator does not answer; see {log}", 120)

    def stop(self) -> None:
        self.cluster.node.end("operator")

    def create(self, name: str, *, workers: int = 1, gpus_per_worker: int = 0) -> None:
        """A DaskCluster in the namespace of the tests, ready when this returns."""
        self.cluster.kubectl.apply(self._dask_cluster(name, workers, gpus_per_worker))
        wait_until(
            lambda: self._phase(name) == "Running" and self._ready(name) == workers + 1,
            f"The Dask cluster {name} does not run; see {self.cluster.spec.path('log')}",
            120,
        )

    def delete(self, name: str) -> None:
        """Gone with its parts, for a name that is used again too early is refused.

        The garbage collector would take them away too, once it has noticed, up to half a minute
        later, that there is such a kind as a DaskCluster. The pods are not waited for: a kubelet
        on a busy machine was seen to take more than a minute over one.
        """
        here = f"--namespace={self.cluster.access.namespace}"
        kubectl, label = self.cluster.kubectl, f"--selector=dask.org/cluster-name={name}"
        kubectl.run("delete", DASK_CLUSTER, name, here, "--ignore-not-found", "--timeout=60s")
        kubectl.run("delete", PARTS, here, label, "--timeout=60s")
        kubectl.run("delete", "pods", here, label, "--force", "--grace-period=0")
        wait_until(lambda: not self.pods(name), f"Pods of the Dask cluster {name} are left", 60)

    def pods(self, name: str) -> list[dict[str, Any]]:
        here = f"--namespace={self.cluster.access.namespace}"
        label = f"--selector=dask.org/cluster-name={name}"
        found: list[dict[str, Any]] = self.cluster.kubectl.get("pods", here, label)["items"]
        return found

    def _phase(self, name: str) -> str:
        here = f"--namespace={self.cluster.access.namespace}"
        found = self.cluster.kubectl.get(DASK_CLUSTER, name, here)
        return str(found.get("status", {}).get("phase"))

    def _ready(self, name: str) -> int:
        conditions = (pod["status"].get("conditions", []) for pod in self.pods(name))
        return sum({"Ready": "True"}.items() <= _states(one).items() for one in conditions)

    def _dask_cluster(self, name: str, workers: int, gpus_per_worker: int) -> dict[str, Any]:
        """As ``dask_kubernetes.operator.make_cluster_spec`` writes it."""
        ports = {"tcp-comm": 8786, "http-dashboard": 8787}
        limits = {"limits": {"nvidia.com/gpu": str(gpus_per_worker)}} if gpus_per_worker else {}
        worker = {
            "name": "worker",
            "image": self.image,
            "args": ["dask-worker", "--name", "$(DASK_WORKER_NAME)"],
            "resources": limits,
        }
        scheduler = {
            "name": "scheduler",
            "image": self.image,
            "args": ["dask-scheduler", "--host", "0.0.0.0"],
            "ports": [{"name": port, "containerPort": number} for port, number in ports.items()],
            "readinessProbe": {
                "httpGet": {"port": "http-dashboard", "path": "/health"},
                "periodSeconds": 1,
            },
        }
        soon = {"terminationGracePeriodSeconds": 1}
        service = {
            "type": "ClusterIP",
            "selector": {"dask.org/cluster-name": name, "dask.org/component": "scheduler"},
            "ports": [
                {"name": port, "protocol": "TCP", "port": number, "targetPort": port}
                for port, number in ports.items()
            ],
        }
        return {
            "apiVersion": "kubernetes.dask.org/v1",
            "kind": "DaskCluster",
            "metadata": {"name": name, "namespace": self.cluster.access.namespace},
            "spec": {
                "worker": {"replicas": workers, "spec": {"containers": [worker], **soon}},
                "scheduler": {"spec": {"containers": [scheduler], **soon}, "service": service},
            },
        }


def _states(conditions: list[dict[str, str]]) -> dict[str, str]:
    return {one["type"]: one["status"] for one in conditions}
