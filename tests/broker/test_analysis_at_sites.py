"""Analyses on one cluster of a Slurm job and a pod that asked for a GPU, and this machine.

The GPUs are a GRES of a real Slurm and the resource of a real device plugin, with nothing behind
them: jobs and pods are scheduled by them, and NumPy computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import jupyter_continuum as jc
from jupyter_continuum.analysis import opening, scan
from jupyter_continuum.broker.client import call_broker
from tests.broker.conftest import View, all_ready, wait_for, workers
from tests.conftest import RunningBroker
from tests.rig.fixtures import profile
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.site import SlurmSite

pytestmark = [pytest.mark.slurm, pytest.mark.kubernetes]

NAMES = ("local-0-0-0", "sitea-0-0-0", "kube-0-0-0")


@pytest.fixture(scope="module")
def spanning(
    shared_broker: RunningBroker,
    slurm_site_a: SlurmSite,
    worker_python: Path,
    kubernetes: Cluster,
    kubernetes_image: str,
) -> Iterator[View]:
    """``main``: a worker of each of the three."""
    asked = profile(slurm_site_a, worker_python).model_dump(mode="json")
    assert call_broker("connect", profile=asked)["state"] == "ready"
    gpu = {"name": "gpu", "image": kubernetes_image, "cpus": 1, "memory_gb": 0.8, "gpus": 1}
    kubeconfig = kubernetes.access.kubeconfig("restricted")
    pods = {"context": "rig", "kubeconfig": str(kubeconfig), "offers": [gpu]}
    asked = {"site": "kube", "kind": "kubernetes", "kubernetes": pods}
    assert call_broker("connect", profile=asked)["state"] == "ready"
    kubernetes.offer_gpus(1)
    try:
        one = {"workers_per_node": 1, "walltime_minutes": 15}
        slurm = {"offer": "sitea/gpu", "gpus_per_worker": 1}
        yield launch_groups({"offer": "local/cores"}, slurm, {"offer": "kube/gpu"}, **one)
    finally:
        call_broker("stop", name="main")
        kubernetes.offer_gpus(0)


def launch_groups(*groups: View, **each: Any) -> View:
    call_broker("launch", plan={"name": "main", "groups": [each | group for group in groups]})
    return wait_for("main", all_ready, seconds=180)


@pytest.fixture(scope="module")
def client(spanning: View) -> Iterator[Any]:  # a distributed.Client
    with jc.attach("main").get_client() as client:
        yield client


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> tuple[da.Array, np.ndarray]:
    """4 MB that the workers make themselves, for chunks of which there are more than workers."""
    monkeypatch.setattr(opening, "LEAST", 1 << 16)
    made = (
        da.random.default_rng(5).normal(size=(1 << 17, 4), chunks=(8192, 4)) * np.arange(1, 5) + 3
    )
    return made, made.compute(scheduler="sync")


def executed(client: Any) -> dict[str, int]:
    """Tasks that each worker has run so far, by its address."""
    found: dict[str, int] = client.run(lambda dask_worker: dask_worker.state.executed_count)
    return found


def test_job_and_pod_have_the_device_that_they_asked_for(
    spanning: View, slurm_site_a: SlurmSite, kubernetes: Cluster
) -> None:
    found = {each["name"]: each for each in workers(spanning)}
    assert [found[name]["device"] for name in NAMES[1:]] == ["0", "0"]
    asked = slurm_site_a.client("squeue", "--noheader", "--states=R", "--format=%b %N").stdout
    gres, node = asked.split()
    assert ("gpu" in gres, node) == (True, found["sitea-0-0-0"]["node"])
    pods = kubernetes.kubectl.get("pods", f"--namespace={kubernetes.access.namespace}")["items"]
    (limits,) = [pod["spec"]["containers"][0]["resources"]["limits"] for pod in pods]
    assert limits["nvidia.com/gpu"] == "1"


def test_principal_components_are_those_of_numpy(
    client: Any, samples: tuple[da.Array, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is slow to begin is not done elsewhere: each worker does the first chunks it is given.
    monkeypatch.setattr(scan, "SLOWER", np.inf)
    made, whole = samples
    before = executed(client)
    found = jc.analysis.run(jc.analysis.PrincipalComponents(4), made, client=client)
    after = executed(client)
    did = {address: after[address] - before[address] for address in before}
    assert all(did.values()), did
    wanted = np.linalg.eigvalsh(np.cov(whole.T))[::-1]
    np.testing.assert_allclose(found.variance, wanted, rtol=1e-10)
    np.testing.assert_allclose(found.mean, whole.mean(axis=0), rtol=1e-10)


def test_spectra_are_those_of_one_machine(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To rounding: how finely an array is cut depends on how many workers there are."""
    monkeypatch.setattr(opening, "LEAST", 1 << 16)
    images = da.random.default_rng(6).normal(size=(512, 32, 32), chunks=(32, 32, 32))
    found = jc.analysis.run(jc.analysis.RadialSpectrum(), images, client=client)
    here = jc.analysis.run(jc.analysis.RadialSpectrum(), images.compute(scheduler="sync"))
    assert found.used == here.used == 512
    np.testing.assert_allclose(found.density, here.density, rtol=1e-12)


def test_draws_are_the_same_to_the_bit(client: Any) -> None:
    def value(xp: Any, u: Any) -> Any:
        return xp.sum(u * u, axis=1)

    draws = 5 << 20
    found = jc.analysis.monte_carlo(value, draws, dimensions=2, seed=8, client=client)
    here = jc.analysis.monte_carlo(value, draws, dimensions=2, seed=8)
    assert (found.mean, found.error) == (here.mean, here.error)
    assert abs(found.mean[0] - 2 / 3) < 5 * found.error[0]


# No function of this module: the workers have none of it, and such a lambda travels whole.
length = jc.on_device(lambda xp, x: xp.sqrt(xp.sum(x * x, axis=-1)))


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_is_mapped_on_each_worker(client: Any, name: str) -> None:
    parts = list(np.arange(24.0).reshape(3, 4, 2))
    futures = client.map(length, parts, workers=[name], allow_other_workers=False, pure=False)
    for found, part in zip(client.gather(futures), parts, strict=True):
        np.testing.assert_allclose(found, np.linalg.norm(part, axis=-1), rtol=1e-15)


def test_a_kernel_runs_on_blocks_of_dask_and_xarray(
    client: Any, samples: tuple[da.Array, np.ndarray]
) -> None:
    made, whole = samples
    wanted = np.linalg.norm(whole, axis=-1)
    blocks = made.map_blocks(length, drop_axis=1, dtype=made.dtype)
    np.testing.assert_allclose(client.compute(blocks, sync=True), wanted, rtol=1e-14)
    lengths = xr.apply_ufunc(
        *(length, xr.DataArray(made, dims=("sample", "feature"))),
        input_core_dims=[["feature"]],
        dask="parallelized",
        output_dtypes=[made.dtype],
    )
    np.testing.assert_allclose(client.compute(lengths.data, sync=True), wanted, rtol=1e-14)
