"""A person's own code travels to every process of a cluster, and can be replaced."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy
import pytest

from jupyter_continuum.cluster import code
from jupyter_continuum.cluster.code import SchedulerCode, WorkerCode, place, read_code
from jupyter_continuum.errors import ContinuumError


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "src" / "jct_fields"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("from jct_fields.inner.deep import answer\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "deep.py").write_text("def answer():\n    return 41\n")
    (folder / "table.json").write_text("{}")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    return folder


@pytest.fixture(autouse=True)
def forgotten():
    yield
    code.forget("jct_fields")
    code.forget("jct_one")


def test_what_is_placed_is_imported_and_replaced(package: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    scratch = tmp_path / "scratch"
    first = place(read_code(package), scratch)
    assert importlib.import_module("jct_fields").answer() == 41
    assert (first / "jct_fields" / "table.json").exists()
    assert not list(first.rglob("*.pyc")) or not (first / "jct_fields/__pycache__/x.pyc").exists()
    (package / "inner" / "deep.py").write_text("def answer():\n    return 42\n")
    second = place(read_code(package), scratch)
    assert importlib.import_module("jct_fields").answer() == 42
    assert str(first) not in sys.path
    assert sys.path[0] == str(second)


def test_a_module_a_name_and_a_path_are_the_same_code(package: Path, monkeypatch):
    monkeypatch.syspath_prepend(str(package.parent))
    module = importlib.import_module("jct_fields")
    assert read_code(module) == read_code("jct_fields") == read_code(str(package))
    assert read_code(package / "__init__.py").name == "jct_fields"


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (numpy, "compiled for this machine"),
        ("no_such_module_here", "neither a file nor a module"),
        (sys, "not written in a file"),
        ("/etc/hostname", "no Python file"),
    ],
)
def test_what_cannot_travel_is_a_sentence(what, sentence):
    with pytest.raises(ContinuumError, match=sentence):
        read_code(what)


def test_a_name_that_cannot_be_imported_and_too_much_are_sentences(tmp_path: Path, monkeypatch):
    odd = tmp_path / "my-code.py"
    odd.write_text("")
    with pytest.raises(ContinuumError, match="no name that Python can import"):
        read_code(odd)
    monkeypatch.setattr(code, "LARGEST_BYTES", 100)
    big = tmp_path / "jct_one.py"
    big.write_text("x = 1\n" * 1000)
    with pytest.raises(ContinuumError, match="each worker would get it"):
        read_code(big)


@pytest.fixture
def project(package: Path) -> Path:
    """As it lies on a person's disk after a year."""
    for name in (".env", ".git/config", "inner/.ssh/id_ed25519", "venv/pyvenv.cfg"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("secret")
    (package / "venv" / "lib").mkdir()
    (package / "venv" / "lib" / "x.so").write_bytes(b"compiled for this machine")
    (package / "data").symlink_to(package.parent)
    os.utime(package / "table.json", (0, 0))  # before 1980: older than a zip can say
    return package


def test_what_is_hidden_or_a_virtual_environment_stays_here_and_is_named(project: Path):
    read = read_code(project)
    with zipfile.ZipFile(io.BytesIO(read.archive)) as archive:
        assert sorted(archive.namelist()) == [
            "jct_fields/__init__.py",
            "jct_fields/inner/__init__.py",
            "jct_fields/inner/deep.py",
            "jct_fields/table.json",
        ]
    assert set(read.left_out) == {".env", ".git", "inner/.ssh", "venv", "data"}


def test_what_is_too_large_is_not_read(package: Path):
    with (package / "measured.nc").open("wb") as file:
        file.truncate(2**40)  # takes no room, and an hour to compress
    with pytest.raises(ContinuumError, match=r"more than 34 MB \(jct_fields/measured.nc: 10995"):
        read_code(package)


async def test_workers_now_and_later_and_the_scheduler_have_it(home, package: Path):
    """By reference: the workers' processes cannot import it by themselves."""
    await home.submit("north")
    async with home.client() as client:
        await client.wait_for_workers(1)

        async def send() -> None:
            await client.register_plugin(SchedulerCode(read_code(package)))
            await client.register_plugin(WorkerCode(read_code(package)))

        def call():
            import jct_fields

            return jct_fields.answer()

        await send()
        assert await client.submit(call, pure=False) == 41
        assert await client.run_on_scheduler(call) == 41
        (package / "inner" / "deep.py").write_text("def answer():\n    return 42\n")
        await send()
        await home.submit("south", number=2)
        await client.wait_for_workers(2)
        assert set((await client.run(call)).values()) == {42}
        assert await client.run_on_scheduler(call) == 42


def test_importing_the_cluster_package_imports_no_dask():
    text = "import jupyter_continuum.cluster, sys; assert 'dask' not in sys.modules"
    subprocess.run([sys.executable, "-P", "-c", text], check=True)
