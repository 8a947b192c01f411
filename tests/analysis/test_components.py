"""Principal components against a singular value decomposition in float64."""

from __future__ import annotations

import numpy as np
import pytest

from jupyter_continuum.analysis import run
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.components import PrincipalComponents
from jupyter_continuum.analysis.device import use
from jupyter_continuum.errors import AnalysisError

pytestmark = pytest.mark.usefixtures("small_chunks")

MEANS = {"float64": 1e-14, "float32": 6 * 6e-8}
"""A difference from the rounded mean is itself rounded: eps of the largest deviation, 6."""


def samples(offset: float = 0, features: int = 6) -> np.ndarray:
    """Variances 36, 25, 16 ... along random directions."""
    random = np.random.default_rng(11)
    turn = np.linalg.qr(random.normal(size=(features, features)))[0]
    return random.normal(size=(900, features)) * np.arange(features, 0, -1) @ turn + offset


def reference(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = x.astype("float64")
    _, values, directions = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    largest = np.take_along_axis(directions, abs(directions).argmax(1, keepdims=True), 1)
    return values**2 / (len(x) - 1), directions * np.sign(largest)


@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_they_are_those_of_the_decomposition(
    here: Backend, dtype: str, tolerance: float, offset: float
) -> None:
    """float32: 8e-6 of the largest variance, see the class; the next one is 0.3 of it away."""
    x = samples(offset).astype(dtype)
    variance, directions = reference(x)
    found = run(PrincipalComponents(4), x)
    np.testing.assert_allclose(found.variance, variance[:4], atol=tolerance * variance[0], rtol=0)
    np.testing.assert_allclose(found.directions, directions[:4], atol=20 * tolerance)
    np.testing.assert_allclose(
        found.mean, x.astype("float64").mean(axis=0), atol=MEANS[dtype], rtol=1e-12
    )
    np.testing.assert_allclose(found.share, variance[:4] / variance.sum(), atol=20 * tolerance)
    spread = found.transform(x.astype("float64")).var(axis=0, ddof=1)
    np.testing.assert_allclose(spread, variance[:4], rtol=50 * tolerance)


def test_integers_are_taken_as_they_are(here: Backend) -> None:
    x = np.round(samples() * 10).astype("int16")
    np.testing.assert_allclose(
        run(PrincipalComponents(2), x).variance, reference(x)[0][:2], rtol=1e-5
    )


def test_a_sample_with_a_nan_does_not_count(here: Backend) -> None:
    x = samples()
    broken = x.copy()
    broken[::7, 2] = np.nan
    broken[300, 0] = np.inf
    keep = np.isfinite(broken).all(axis=1)
    found = run(PrincipalComponents(6), broken)
    np.testing.assert_allclose(found.variance, reference(x[keep])[0], rtol=1e-9)
    assert found.used == keep.sum()


def test_a_chunk_of_nans_counts_for_nothing(here: Backend) -> None:
    x = samples()
    broken = x.copy()
    broken[:400] = np.nan
    np.testing.assert_allclose(
        run(PrincipalComponents(6), broken).variance, reference(x[400:])[0], rtol=1e-9
    )


def test_samples_that_are_all_alike_have_no_variance(here: Backend) -> None:
    found = run(PrincipalComponents(2), np.ones((50, 3)))
    assert not found.variance.any()
    assert not found.share.any()


@pytest.mark.parametrize(
    ("number", "array", "says"),
    [
        (1, np.zeros(5), "shape"),
        (4, np.zeros((5, 3)), "1 to 3 components"),
        (1, np.full((5, 3), np.nan), "need two"),
    ],
)
def test_what_does_not_fit_is_a_sentence(number: int, array: np.ndarray, says: str) -> None:
    with use("numpy"), pytest.raises(AnalysisError, match=says):
        run(PrincipalComponents(number), array)


def test_they_are_drawn() -> None:
    with use("numpy"):
        assert len(run(PrincipalComponents(2), samples()).plot().patches) == 2
