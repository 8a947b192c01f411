"""Draws that are the same everywhere, and estimates against what is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from distributed import Client
from scipy import stats

from jupyter_continuum.analysis import run
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.device import use
from jupyter_continuum.analysis.draws import normals, threefry, uniforms
from jupyter_continuum.analysis.montecarlo import Counter, MonteCarlo, monte_carlo
from jupyter_continuum.errors import AnalysisError
from tests.analysis.kernels import in_circle


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_the_generator_is_that_of_random123(
    here: Backend, counter: tuple[int, int], key: tuple[int, int], words: tuple[int, int]
) -> None:
    """Its published answers for threefry2x32 with 20 rounds."""
    given = (here.put(np.array([word], dtype="int64")) for word in counter)
    found = here.to_host(threefry(here.xp, key, *given))
    assert tuple(int(word[0]) for word in found) == words


def drawn(here: Backend, numbers: np.ndarray, seed: int = 1, dimensions: int = 3) -> np.ndarray:
    return np.asarray(here.to_host(uniforms(here.xp, seed, here.put(numbers), dimensions)))


def test_draws_are_the_same_bit_for_bit_on_every_library(here: Backend) -> None:
    numbers = np.array([0, 1, 5, 2**32, 2**48 - 1])
    found = drawn(here, numbers)
    with use("numpy") as plain:
        np.testing.assert_array_equal(found, drawn(plain, numbers))
        assert len(np.unique(found)) == found.size
        assert not np.intersect1d(found, drawn(plain, numbers, seed=2**40 + 1)).size


def test_they_are_uniform_and_independent() -> None:
    with use("numpy") as plain:
        found = drawn(plain, np.arange(100_000), dimensions=2)
    assert 0 < found.min() < found.max() < 1
    assert stats.kstest(found.ravel(), "uniform").pvalue > 0.001
    for pair in ((found[:, 0], found[:, 1]), (found[1:, 0], found[:-1, 0])):
        counts = np.histogram2d(*pair, bins=16)[0]
        assert stats.chisquare(counts.ravel()).pvalue > 0.001


def test_normal_numbers_are_normal(here: Backend) -> None:
    found = here.to_host(normals(here.xp, here.put(uniforms_of(20_000))))
    assert stats.kstest(found.ravel(), "norm").pvalue > 0.001
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.03
    with pytest.raises(ValueError, match="even number"):
        normals(here.xp, here.put(np.full((3, 3), 0.5)))


def uniforms_of(count: int) -> np.ndarray:
    with use("numpy") as plain:
        return drawn(plain, np.arange(count), dimensions=2)


def test_an_estimate_is_within_its_error_of_the_truth(here: Backend) -> None:
    found = monte_carlo(in_circle, 50_000, dimensions=2, seed=3)
    assert abs(found.mean[0] - math.pi / 4) < 4 * found.error[0]
    truth = math.sqrt(math.pi / 4 * (1 - math.pi / 4) / 50_000)
    assert found.error[0] == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("per_chunk", [10_000, 777, 64])
def test_it_is_the_mean_of_all_values_however_they_are_cut(here: Backend, per_chunk: int) -> None:
    def values(xp: Any, u: Any) -> Any:
        return xp.stack([1e6 + u[:, 0], u[:, 1] ** 2], axis=1)

    found = run(MonteCarlo(values, 2, 5, per_chunk), Counter(10_000))
    with use("numpy") as plain:
        all_ = values(np, drawn(plain, np.arange(10_000), 5, 2))
    np.testing.assert_allclose(found.mean, all_.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.deviation, all_.std(axis=0, ddof=1), rtol=1e-9)
    np.testing.assert_array_equal(found.lowest, all_.min(axis=0))
    np.testing.assert_array_equal(found.highest, all_.max(axis=0))
    assert found.draws == found.counts.sum() == 10_000


def test_any_workers_in_any_order_give_the_same(mixed: Client) -> None:
    analysis = MonteCarlo(in_circle, 2, 9, 500)
    with use("numpy"):
        alone = run(analysis, Counter(10_250))
    spread = run(analysis, Counter(10_250), client=mixed)
    assert spread.mean == alone.mean
    np.testing.assert_array_equal(spread.means, alone.means)


def test_what_does_not_fit_is_a_sentence(here: Backend) -> None:
    with pytest.raises(AnalysisError, match=r"gave \(\) for 10 draws"):
        monte_carlo(lambda xp, u: xp.sum(u), 10)
    with pytest.raises(AnalysisError, match="dimensions"):
        monte_carlo(in_circle, 10, dimensions=0)
    with pytest.raises(AnalysisError, match="nothing to analyse"):
        monte_carlo(in_circle, 0)


def test_one_draw_has_no_error(here: Backend) -> None:
    assert np.isnan(monte_carlo(in_circle, 1, dimensions=2).error).all()


def test_it_is_drawn() -> None:
    with use("numpy"):
        assert monte_carlo(in_circle, 10, dimensions=2).plot().lines
