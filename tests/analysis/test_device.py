"""Which array library is chosen, and what crosses between host and device."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from jupyter_continuum.analysis import device
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.errors import AnalysisError

TYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128"),
)


@pytest.mark.parametrize("name", TYPES)
def test_values_come_back_as_they_went(here: Backend, name: str) -> None:
    array = np.array([[0, 1, 100], [5, 6, 7]]).astype(name)
    back = here.to_host({"a": (here.put(array), [here.put(array[:, ::-1])]), "b": "text"})
    np.testing.assert_array_equal(back["a"][0], array)
    np.testing.assert_array_equal(back["a"][1][0], array[:, ::-1])
    assert type(back["a"][0]) is np.ndarray
    assert back["b"] == "text"


@pytest.mark.parametrize(
    ("given", "arrives"),
    [(">f4", "float32"), ("float16", "float32"), ("longdouble", "float64"), (">i8", "int64")],
)
def test_types_that_a_library_may_lack_arrive_as_ones_that_all_have(
    here: Backend, given: str, arrives: str
) -> None:
    array = np.array([1.5, -2, 3]).astype(given)
    there = here.put(array)
    assert here.dtype_of(there) == arrives
    np.testing.assert_array_equal(here.to_host(there), array.astype("float64"))


def test_an_array_that_may_not_be_written_is_taken(here: Backend) -> None:
    array = np.arange(4.0)
    array.flags.writeable = False
    np.testing.assert_array_equal(here.to_host(here.put(array)), array)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array(["2026-11-28"], dtype="datetime64[D]"), "datetime64"),
        (np.array([object()]), "no plain numbers"),
        (np.ma.masked_less(np.arange(3.0), 1), "filled"),
    ],
)
def test_what_is_no_plain_number_is_refused(here: Backend, array: np.ndarray, says: str) -> None:
    with pytest.raises(AnalysisError, match=says):
        here.put(array)


if find_spec("torch"):  # no part of a run: where it is not, nothing is missing

    def test_an_integer_that_torch_cannot_hold_is_refused() -> None:
        with device.use("torch") as torch, pytest.raises(AnalysisError, match="above 2"):
            torch.put(np.array([2**63], dtype="uint64"))


def test_the_stand_in_refuses_hidden_copies(device: Backend) -> None:
    there = device.put(np.arange(3.0))
    with pytest.raises(ValueError, match="device"):
        there + device.xp.arange(3.0)
    with pytest.raises(RuntimeError):
        np.asarray(there)


def test_memory_in_use_is_less_than_there_is(here: Backend) -> None:
    memory = here.memory()
    assert 0 <= memory.used < memory.total


def test_a_backend_does_not_travel(here: Backend) -> None:
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(here)


def test_all_threads_get_the_one_backend() -> None:
    found: list[Backend] = []
    with device.use("numpy") as chosen:
        some = [threading.Thread(target=lambda: found.append(device.backend())) for _ in range(8)]
        for thread in some:
            thread.start()
        for thread in some:
            thread.join()
    assert len(found) == 8
    assert {id(each) for each in found} == {id(chosen)}


def test_an_unknown_library_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AnalysisError, match=r"'jax' is no array library here.*cupy, torch, numpy"):
        device.choose("jax")


def test_a_library_that_was_asked_for_and_is_missing_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)  # also where it is installed
    with pytest.raises(AnalysisError, match="cupy was asked for and does not work here"):
        device.choose("cupy")


def test_without_a_gpu_it_is_numpy_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)  # also where there is one
    choice = device.choose("auto", devices=tmp_path)
    assert choice.backend.name == "numpy"
    assert "CuPy" in choice.why
    assert "no GPU driver is loaded" in choice.why


def test_a_cupy_that_raises_on_import_is_named_as_the_reason(tmp_path: Path) -> None:
    """A wheel for another CUDA: its libraries are not there."""
    (tmp_path / "cupy.py").write_text("raise ImportError('libcublas.so.13: cannot open')\n")
    code = (
        "from jupyter_continuum.analysis.device import choice; "
        "found = choice(); print(found.backend.name, found.why)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        *(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "CuPy does not work (libcublas.so.13: cannot open)" in done.stdout
