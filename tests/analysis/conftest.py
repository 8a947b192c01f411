"""Each test that asks for ``here`` runs on every array library that this machine has."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import pytest
from distributed import Client, LocalCluster

from jupyter_continuum.analysis import opening
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.chunk import residents
from jupyter_continuum.analysis.device import VARIABLE, use

ROOT = str(Path(__file__).resolve().parents[2])
"""Workers import the functions of these tests from it."""


def libraries() -> list[str]:
    """NumPy, and the stand-in for a GPU; torch and CuPy where they compute."""
    found = ["numpy", "strict"]
    if find_spec("torch"):
        found.append("torch")
    if find_spec("cupy"):
        import cupy

        if cupy.cuda.is_available():
            found.append("cupy")
    return found


@pytest.fixture(params=libraries())
def here(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with use(request.param) as backend:
        yield backend


@pytest.fixture
def device() -> Iterator[Backend]:
    """The device that is none: what touches the host behind our back fails on it."""
    with use("strict") as backend:
        yield backend


@pytest.fixture
def small_device(device: Backend) -> Iterator[int]:
    """A device on which chunks may take 1000 bytes."""
    residents.limit = 1000
    yield 1000
    residents.limit = None


@pytest.fixture
def threads() -> Iterator[list[threading.Thread]]:
    started: list[threading.Thread] = []
    yield started
    for thread in started:
        thread.join()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client with NumPy, a worker ``plain`` with NumPy, and one with a device, ``gpu``."""
    options = {"n_workers": 0, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(**options, protocol="tcp") as cluster,
        Client(cluster) as client,
        (tmp_path_factory.mktemp("mixed") / "workers.log").open("wb") as log,
    ):
        started = [
            start_worker(cluster.scheduler_address, name, library, log)
            for name, library in (("plain", "numpy"), ("gpu", "strict"))
        ]
        try:
            client.wait_for_workers(2, timeout=60)
            yield client
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(30)


def start_worker(
    scheduler: str, name: str, library: str, log: IO[bytes]
) -> subprocess.Popen[bytes]:
    words = [scheduler, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", *words],
        env=os.environ | {VARIABLE: library, "PYTHONPATH": ROOT},
        stderr=log,
    )


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of some kilobytes, so that small arrays have many."""
    monkeypatch.setattr(opening, "WANTED", {True: 4000, False: 4000})
    monkeypatch.setattr(opening, "LEAST", 4000)


@pytest.fixture(autouse=True, scope="session")
def no_window() -> None:
    """Plots are drawn, and shown to nobody."""
    import matplotlib

    matplotlib.use("agg")
