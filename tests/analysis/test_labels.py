"""The label image of a segmentation against SciPy's of the whole image."""

from __future__ import annotations

import os
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import zarr
from distributed import Client
from scipy import ndimage

from jupyter_continuum.analysis import label_image, run, write_labels
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.regions import Regions
from jupyter_continuum.analysis.scan import Progress
from jupyter_continuum.analysis.segmentation import Segmentation
from jupyter_continuum.errors import AnalysisError
from tests.analysis.test_scan import address_of
from tests.analysis.test_segmentation import noise

pytestmark = pytest.mark.usefixtures("small_chunks")


def agree(labels: np.ndarray, found: Regions, image: np.ndarray) -> None:
    """The same pixels are of the same object, and its number is that of its properties."""
    by = found.tiles.by
    assert isinstance(by, Segmentation)
    smooth = ndimage.gaussian_filter(image.astype("float64"), by.sigma) if by.sigma else image
    wanted, count = ndimage.label(smooth > by.threshold)
    assert labels.shape == image.shape
    pairs = np.unique(np.stack([labels.ravel(), wanted.ravel()]), axis=1)
    assert pairs.shape[1] == count + 1
    np.testing.assert_array_equal(np.sort(pairs[1]), np.arange(count + 1))
    np.testing.assert_array_equal(np.bincount(labels.ravel())[1:], found.area)
    for number, box in enumerate(ndimage.find_objects(labels)):
        assert [each.start for each in box] == found.low[number].tolist()


@pytest.mark.parametrize(
    ("shape", "dtype", "sigma", "threshold"),
    [
        ((90, 70), "float64", 1.5, 80.0),
        ((90, 70), "int16", 0, 500.0),
        ((24, 20, 26), "float32", 1, 100.0),
    ],
)
def test_each_pixel_is_of_the_object_that_scipy_finds(
    here: Backend, shape: tuple[int, ...], dtype: str, sigma: float, threshold: float
) -> None:
    image = noise(shape, dtype)
    found = run(Segmentation(threshold=threshold, sigma=sigma), image)
    labels = label_image(found, image)
    assert labels.npartitions > 3
    agree(labels.compute(scheduler="sync"), found, image)


def test_an_object_that_crosses_many_tiles_has_one_number(device: Backend) -> None:
    image = np.zeros((80, 80))
    image[::4, 1:-1] = image[:, 40] = 1
    image[2, :30] = 1
    found = run(Segmentation(threshold=0.5, sigma=0), image)
    labels = label_image(found, da.from_array(image, chunks=(30, 80)))
    assert labels.npartitions > 5
    computed = labels.compute(scheduler="sync")
    assert len(found.area) == 2
    assert (computed[image.astype(bool)] > 0).all()
    agree(computed, found, image)
    np.testing.assert_array_equal(labels[38:44, 37:43].compute(scheduler="sync")[:, 3], [1] * 6)


def test_what_is_nan_and_an_image_without_objects_have_no_number(here: Backend) -> None:
    image = np.ones((40, 40))
    image[20, 20] = np.nan
    found = run(Segmentation(threshold=0.5, sigma=1), image)
    labels = label_image(found, image).compute(scheduler="sync")
    assert (labels[16:25, 16:25] == 0).all()
    assert (labels == 1).sum() == 1600 - 81
    nothing = run(Segmentation(threshold=2, sigma=0), image)
    assert not label_image(nothing, image).compute(scheduler="sync").any()


def test_unequal_workers_write_labels_that_nobody_holds_whole(
    mixed: Client, tmp_path: Path
) -> None:
    image = noise((90, 70))
    zarr.create_array(str(tmp_path / "image.zarr"), data=image, chunks=(7, 10))
    stored = str(tmp_path / "image.zarr")
    found = run(Segmentation(threshold=80, sigma=1.5), stored, client=mixed)
    seen: list[Progress] = []
    place = tmp_path / "labels.zarr"
    write_labels(found, stored, place, client=mixed, progress=seen.append)
    assert seen[-1].done == seen[-1].total == len(found.tiles.numbers) > 3
    labels = zarr.open_array(str(place), mode="r")
    assert labels.dtype == "int32"
    agree(labels[:], found, image)
    np.testing.assert_array_equal(label_image(found, stored).compute(), labels[:])
    with pytest.raises(AnalysisError, match=r"labels\.zarr on .* where nothing lies yet"):
        write_labels(found, stored, place, client=mixed)


def test_labels_are_written_where_the_image_is_seen(mixed: Client, tmp_path: Path) -> None:
    """A relative path: the worker ``gpu`` stands where it leads somewhere, nobody else does."""
    image = noise((50, 40), "float32")
    zarr.create_array(str(tmp_path / "only.zarr"), data=image, chunks=(10, 10))
    at = [address_of(mixed, "gpu")]
    before = mixed.run(os.getcwd, workers=at)
    mixed.run(os.chdir, str(tmp_path), workers=at)
    try:
        found = run(Segmentation(threshold=500, sigma=0), "only.zarr", client=mixed)
        write_labels(found, "only.zarr", "labels.zarr", client=mixed)
    finally:
        mixed.run(os.chdir, *before.values(), workers=at)
    labels = zarr.open_array(str(tmp_path / "labels.zarr"), mode="r")
    assert labels.chunks == (10, 10)
    agree(labels[:], found, image)


def test_labels_are_written_without_a_cluster(device: Backend, tmp_path: Path) -> None:
    image = noise((50, 40))
    found = run(Segmentation(threshold=500, sigma=0), image)
    write_labels(found, image, tmp_path / "labels.zarr")
    agree(zarr.open_array(str(tmp_path / "labels.zarr"), mode="r")[:], found, image)


def test_another_image_is_refused(device: Backend, tmp_path: Path) -> None:
    image = noise((50, 40))
    found = run(Segmentation(threshold=500, sigma=0), image)
    with pytest.raises(AnalysisError, match=r"in an image of \(50, 40\), and this one has"):
        write_labels(found, image[:30], tmp_path / "labels.zarr")
    assert not (tmp_path / "labels.zarr").exists()
    changed = image.copy()
    changed[10, 10] += 2000
    with pytest.raises(AnalysisError, match=r"tile at \(0, 0\) has not the objects"):
        label_image(found, changed).compute(scheduler="sync")
