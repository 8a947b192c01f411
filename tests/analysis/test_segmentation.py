"""Objects in cut images against SciPy on the whole image."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from distributed import Client
from scipy import ndimage

from jupyter_continuum.analysis import run
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.device import use
from jupyter_continuum.analysis.regions import Regions, Tiles
from jupyter_continuum.analysis.segmentation import Segmentation, _in_order
from jupyter_continuum.errors import AnalysisError

pytestmark = pytest.mark.usefixtures("small_chunks")


def noise(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    return (np.random.default_rng(31).normal(size=shape) * 1000).astype(dtype)


NO_TILES = Tiles(Segmentation(threshold=0), {})


def reference(image: np.ndarray, sigma: float, threshold: float) -> Regions:
    smooth = ndimage.gaussian_filter(image.astype("float64"), sigma) if sigma else image
    labels, count = ndimage.label(smooth > threshold)
    numbers = np.arange(1, count + 1)
    boxes = ndimage.find_objects(labels)
    low = np.array([[each.start for each in box] for box in boxes])
    order = np.lexsort(low.T[::-1])
    found = (
        np.bincount(labels.ravel())[1:],
        np.array(ndimage.center_of_mass(labels > 0, labels, numbers)),
        low,
        np.array([[each.stop for each in box] for box in boxes]),
        ndimage.mean(smooth, labels, numbers),
        ndimage.maximum(smooth, labels, numbers),
    )
    return Regions(*(np.asarray(each)[order] for each in found), tiles=NO_TILES)


def agree(found: Regions, wanted: Regions, tolerance: float) -> None:
    """Objects that begin at the same place may come in any order."""
    assert len(found.area) == len(wanted.area) > 3
    ours = np.lexsort((found.area, *found.centroid.round(3).T))
    theirs = np.lexsort((wanted.area, *wanted.centroid.round(3).T))
    for name in ("area", "low", "high"):
        np.testing.assert_array_equal(getattr(found, name)[ours], getattr(wanted, name)[theirs])
    for name in ("centroid", "mean", "highest"):
        np.testing.assert_allclose(
            getattr(found, name)[ours], getattr(wanted, name)[theirs], rtol=tolerance
        )


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
@pytest.mark.parametrize(
    ("shape", "sigma", "threshold"),
    [((90, 70), 1.5, 80.0), ((90, 70), 0, 500.0), ((24, 20, 26), 1, 100.0), ((6, 300), 2.5, 30.0)],
)
def test_objects_are_those_of_the_whole_image(
    here: Backend, dtype: str, shape: tuple[int, ...], sigma: float, threshold: float
) -> None:
    """Tolerances: axes * taps * eps, of sums over objects whose values have one sign."""
    image = noise(shape, dtype)
    found = run(Segmentation(threshold=threshold, sigma=sigma), image)
    agree(found, reference(image, sigma, threshold), 1e-12 if dtype == "float64" else 1e-5)


def test_a_snake_through_all_tiles_is_one(here: Backend) -> None:
    image = np.zeros((80, 80))
    image[::4] = 1
    image[2::8, -1] = image[6::8, 0] = image[1::8, -1] = image[3::8, -1] = 1
    image[5::8, 0] = image[7::8, 0] = 1
    found = run(Segmentation(threshold=0.5, sigma=0), image)
    assert found.area.tolist() == [int(image.sum())]
    assert (found.low.tolist(), found.high.tolist()) == ([[0, 0]], [[80, 80]])


def test_unequal_workers_give_the_same(mixed: Client) -> None:
    image = noise((90, 70))
    found = run(Segmentation(threshold=80, sigma=1.5), image, client=mixed)
    agree(found, reference(image, 1.5, 80), 1e-12)


def test_what_is_near_a_nan_is_in_no_object(here: Backend) -> None:
    image = np.ones((40, 40))
    image[20, 20] = np.nan
    found = run(Segmentation(threshold=0.5, sigma=1), image)
    assert found.area.tolist() == [1600 - 81]


def test_an_image_without_objects_has_none(here: Backend) -> None:
    found = run(Segmentation(threshold=0.5), np.zeros((50, 50)))
    assert len(found.area) == 0
    assert found.centroid.shape == (0, 2)


def test_a_worker_without_scipy_says_what_brings_it(
    device: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    with pytest.raises(AnalysisError, match=r"needs scipy .* cluster\.install\('scipy'\)"):
        run(Segmentation(threshold=0.5), np.zeros((5, 5)))


@pytest.mark.parametrize(
    ("options", "shape", "says"),
    [({}, (4,), "two axes"), ({"sigma": -1.0}, (4, 4), "0 or more")],
)
def test_what_does_not_fit_is_a_sentence(
    options: dict[str, Any], shape: tuple[int, ...], says: str
) -> None:
    with use("numpy"), pytest.raises(AnalysisError, match=says):
        run(Segmentation(threshold=0, **options), np.zeros(shape))


def test_they_are_drawn() -> None:
    with use("numpy"):
        assert run(Segmentation(threshold=80, sigma=1.5), noise((40, 40))).plot().collections


def test_floats_of_either_sign_are_put_in_order_by_their_bits() -> None:
    values = np.array([-np.inf, -3.5, -3.25, -1e-300, -0.0, 0.0, 1e-300, 2.0, 2.0 + 2**-51, np.inf])
    keys = _in_order(values.view("int64"))
    assert (np.diff(keys) > 0).all()
    np.testing.assert_array_equal(_in_order(keys).view("float64"), values)
