"""k-means against Lloyd's iteration in NumPy, from the same first centres."""

from __future__ import annotations

import numpy as np
import pytest
from distributed import Client

from jupyter_continuum.analysis import run
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.chunk import residents
from jupyter_continuum.analysis.clusters import _plus_plus, _rows, _Some, _Step, k_means
from jupyter_continuum.analysis.device import use
from jupyter_continuum.errors import AnalysisError

pytestmark = pytest.mark.usefixtures("small_chunks")
CENTRES = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10]])


def samples(offset: float = 0, spread: float = 1) -> np.ndarray:
    random = np.random.default_rng(12)
    which = random.integers(4, size=800)
    return CENTRES[which] + random.normal(size=(800, 2)) * spread + offset


def reference(x: np.ndarray, number: int, seed: int) -> tuple[np.ndarray, float]:
    x = x.astype("float64")
    with use("numpy"):
        centres = _plus_plus(run(_Some(64 * number, seed), x), number, np.random.default_rng(seed))
    for _ in range(200):
        nearest = ((x[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        centres = np.array([x[nearest == at].mean(axis=0) for at in range(number)])
    return centres, ((x - centres[nearest]) ** 2).sum()


@pytest.mark.parametrize(("dtype", "offset"), [("float64", 0), ("float32", 0), ("float32", 1e4)])
def test_they_are_those_of_lloyd(here: Backend, dtype: str, offset: float) -> None:
    """Samples here are far from being equally near to two centres; sums are float64."""
    x = samples(offset).astype(dtype)
    found = k_means(x, 4, seed=1, tolerance=0)
    centres, inertia = reference(x, 4, 1)
    np.testing.assert_allclose(found.centres, centres, atol=1e-6 * max(1, offset / 10))
    assert found.inertia == pytest.approx(inertia, rel=1e-5)
    assert found.converged
    assert found.counts.sum() == 800
    np.testing.assert_array_equal(np.bincount(found.nearest(x)), found.counts)
    assert (np.diff(found.history) <= 1e-12 * found.history[0]).all()


def test_samples_stay_on_the_device_between_iterations(device: Backend) -> None:
    uploads: list[int] = []
    put = device.put
    device.put = lambda array: (uploads.append(array.nbytes), put(array))[1]  # type: ignore[method-assign]
    found = k_means(samples(spread=4), 4, seed=1)
    assert len(found.history) > 5
    large = [size for size in uploads if size > 500]
    assert sum(large) == samples().nbytes
    assert residents.used_bytes() == 0


def test_unequal_workers_give_the_same(mixed: Client) -> None:
    x = samples()
    with use("numpy"):
        alone = k_means(x, 4, seed=2)
    spread = k_means(x, 4, seed=2, client=mixed)
    np.testing.assert_allclose(spread.centres, alone.centres, rtol=1e-12, atol=1e-12)
    assert spread.counts.tolist() == alone.counts.tolist()


def test_a_sample_with_a_nan_counts_for_nothing(here: Backend) -> None:
    x = samples()
    broken = np.concatenate([x, np.full((40, 2), np.nan), [[np.inf, 0]]])
    found = k_means(broken, 4, seed=1)
    assert found.counts.sum() == 800
    assert np.isfinite(found.centres).all()


def test_a_cluster_that_lost_its_samples_moves_to_the_farthest(here: Backend) -> None:
    far = np.array([50.0, 50])
    x = np.concatenate([np.zeros((20, 2)), np.ones((20, 2)), far[None]])
    sums, counts, _, farthest = run(_Step(_rows(np.array([[0.0, 0], [1, 1], [-9, -9]]))), x)
    assert counts.tolist() == [20, 21, 0]
    np.testing.assert_array_equal(farthest, far)
    np.testing.assert_allclose(sums[1], [70, 70], rtol=1e-12)


def test_fewer_different_samples_than_clusters_still_end(here: Backend) -> None:
    found = k_means(np.ones((30, 2)), 3, iterations=10)
    assert found.inertia == 0
    assert found.counts.sum() == 30


def test_first_samples_do_not_depend_on_the_cut(
    here: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = samples()
    many = run(_Some(50, 3), x)
    monkeypatch.setattr("jupyter_continuum.analysis.opening.LEAST", 10**6)
    monkeypatch.setattr("jupyter_continuum.analysis.opening.WANTED", {True: 10**6, False: 10**6})
    np.testing.assert_array_equal(run(_Some(50, 3), x), many)


@pytest.mark.parametrize(
    ("number", "array", "says"),
    [
        (2, np.zeros(5), "shape"),
        (6, np.zeros((5, 3)), "1 to 5 clusters"),
        (1, np.full((5, 3), np.nan), "nothing to cluster"),
    ],
)
def test_what_does_not_fit_is_a_sentence(number: int, array: np.ndarray, says: str) -> None:
    with use("numpy"), pytest.raises(AnalysisError, match=says):
        k_means(array, number)


def test_they_are_drawn() -> None:
    with use("numpy"):
        assert k_means(samples(), 2).plot().lines
