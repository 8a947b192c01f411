"""Kubernetes as fixtures: one cluster for a whole test run, always taken down.

``JC_TEST_RIG=kept`` uses the one that ``python -m tests.rig kubernetes up`` left running.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.kubernetes.absence import missing
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.images import worker_image
from tests.rig.kubernetes.rig import kept, running


def absent(sentences: list[str]) -> None:
    """Skip with the reason; where everything must be there, fail with it."""
    text = "There is no Kubernetes for the tests here. " + " ".join(sentences)
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[Cluster]:
    """A running cluster with the namespace ``continuum`` and ``access`` to it."""
    if lacks := missing():
        absent(lacks)
    found = kept() if os.environ.get("JC_TEST_RIG") == "kept" else None
    if found is not None:
        yield found
        return
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kubernetes_image(kubernetes: Cluster) -> str:
    """Name of an image on the node with this checkout's worker environment in it."""
    return kubernetes.load(worker_image())


@pytest.fixture
def restricted(kubernetes: Cluster) -> Path:
    """Kubeconfig of somebody bound to the shipped namespaced Role alone."""
    return kubernetes.access.kubeconfig("restricted")
