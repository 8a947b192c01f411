"""What a worker environment holds, and in which versions."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from jupyter_continuum.environments.lock import Lock, Pin, worker_lock
from jupyter_continuum.environments.target import Target
from jupyter_continuum.errors import ContinuumError
from tests.rig.worker_environment import MOST_PACKAGES, closure

HERE = Target.here()


def test_it_is_the_workers_closure_in_the_versions_of_here() -> None:
    lock = worker_lock(HERE)
    assert {pin.name: pin.version for pin in lock.pins} == {
        name: found.version for name, found in closure()
    }
    assert lock.open == ()


def test_with_cupy_and_ours_it_stays_within_the_bound() -> None:
    """CuPy brings one package of its own."""
    assert len(worker_lock(HERE).pins) + 1 + 2 <= MOST_PACKAGES


def test_what_is_asked_for_is_pinned_where_it_is_installed_and_open_elsewhere() -> None:
    lock = worker_lock(HERE, gpu="cuda12", extra=["pandas", "nothing-of-that-name>=2"])
    pins = {pin.name: pin.version for pin in lock.pins}
    assert pins["pandas"] == version("pandas")
    assert pins["python-dateutil"] == version("python-dateutil")
    assert lock.open == ("cupy-cuda12x", "nothing-of-that-name>=2", "nvidia-ml-py")


def test_a_version_that_is_not_the_installed_one_is_open() -> None:
    assert worker_lock(HERE, extra=["pandas==0.1"]).open == ("pandas==0.1",)


def test_a_hash_is_written_where_all_are_known() -> None:
    one, two = Pin("a", "1", "f" * 64), Pin("b", "2")
    assert Lock((one, two)).text == "a==1\nb==2\n"
    assert Lock((one,)).text == f"a==1 --hash=sha256:{'f' * 64}\n"
    assert Lock((one,)).digest == Lock((Pin("a", "1"),)).digest != Lock((two,)).digest


def test_rocm_is_refused_where_there_is_no_wheel_of_it() -> None:
    with pytest.raises(ContinuumError, match="ROCm on aarch64"):
        worker_lock(Target(HERE.python, "aarch64", (2, 34)), gpu="rocm")
