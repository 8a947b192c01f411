"""Kubernetes as fixtures: one cluster for a whole test run, always taken down.

``JC_TEST_RIG=kept`` uses the one that ``python -m tests.rig kubernetes up`` left running.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.kubernetes.absence import absent
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.dask_operator import DaskOperator, environment
from tests.rig.kubernetes.images import worker_image
from tests.rig.kubernetes.rig import kept, running
from tests.rig.kubernetes.source import missing


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[Cluster]:
    """A running cluster, with a namespace of the tests and kubeconfigs in ``access``.

    What stops the API server or offers GPUs skips the test where the cluster is not our own.
    """
    found = kept() if os.environ.get("JC_TEST_RIG") == "kept" else None
    if found is not None:
        yield found
        return
    if lacks := missing():
        absent(lacks)
    with running() as cluster:
        yield cluster  # type: ignore[misc]  # or a GivenCluster, which has what tests use of it


@pytest.fixture(scope="session")
def kubernetes_image(kubernetes: Cluster) -> str:
    """Name of an image on the node with this checkout's worker environment in it."""
    return kubernetes.load(worker_image())


@pytest.fixture(scope="session")
def kubernetes_kernel_image(kubernetes: Cluster) -> str:
    """The same with what kernels at a site need."""
    return kubernetes.load(worker_image("ipykernel", "papermill"))


@pytest.fixture
def restricted(kubernetes: Cluster) -> Path:
    """Kubeconfig of somebody bound to the shipped namespaced Role alone."""
    return kubernetes.access.kubeconfig("restricted")


@pytest.fixture(scope="session")
def dask_operator(kubernetes: Cluster, kubernetes_image: str) -> Iterator[DaskOperator]:
    """The real Dask operator, at work in all namespaces."""
    if not isinstance(kubernetes, Cluster):
        absent(["The Dask operator runs beside a cluster of the tests' own."])
    if not environment().exists():
        absent(["The Dask operator is not here: python -m tests.rig kubernetes prepare."])
    operator = DaskOperator(kubernetes, kubernetes_image)
    operator.start()
    yield operator
    operator.stop()
