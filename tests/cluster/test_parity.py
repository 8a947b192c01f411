"""Which environments may be parts of one cluster."""

from __future__ import annotations

import pytest

from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.cluster.parity import differences, mismatches


def report(*, python="3.12.4", protocol=1, architecture="x86_64", **packages: str | None):
    known = {
        "dask": "2026.8.0",
        "distributed": "2026.8.0",
        "cloudpickle": "3.1.2",
        "msgpack": "1.2.4",
        "numpy": "2.4.6",
    }
    return {
        "protocol": protocol,
        "python": python,
        "architecture": architecture,
        "packages": known | packages,
    }


HERE = report()


def test_this_environment_is_its_own_equal():
    assert mismatches(environment(), environment()) == []
    assert differences(environment(), environment()) == []


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (report(python="3.11.9"), "Python is 3.11.9 there and 3.12.4 here"),
        (report(distributed="2026.7.1"), "Install distributed==2026.8.0"),
        (report(dask="2025.8.0"), "dask is 2025.8.0 there"),
        (report(cloudpickle="2.2.1"), "cloudpickle is 2.2.1 there"),
        (report(msgpack=None), "msgpack is missing there"),
        (report(numpy="1.26.4"), "numpy is 1.26.4 there"),
        (report(protocol=2), "protocol 2, this cluster 1"),
    ],
)
def test_what_would_break_is_refused_in_one_sentence_each(there, words):
    (sentence,) = mismatches(HERE, there)
    assert words in sentence


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (report(numpy="2.1.0"), "numpy is 2.1.0 there and 2.4.6 here."),
        (report(distributed="2026.8.1"), "distributed is 2026.8.1"),
        (report(architecture="aarch64"), "The processor is aarch64 there"),
    ],
)
def test_what_may_work_is_told_and_not_refused(there, words):
    assert mismatches(HERE, there) == []
    (sentence,) = differences(HERE, there)
    assert words in sentence


def test_patch_of_python_and_missing_numpy_do_not_matter():
    there = report(python="3.12.1", numpy=None)
    assert mismatches(HERE, there) == differences(HERE, there) == []


@pytest.mark.parametrize("there", [{}, {"packages": 7}, {"python": None, "packages": {"dask": []}}])
def test_nonsense_from_a_site_is_refused_not_fatal(there):
    assert mismatches(HERE, there)
    differences(HERE, there)
