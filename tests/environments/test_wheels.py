"""Wheels made of what is installed here: what pip made of them, pip takes again."""

from __future__ import annotations

import csv
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from jupyter_continuum.environments.target import Target
from jupyter_continuum.environments.wheels import own_wheel, pip_wheel, repack

HERE = Target.here()


def test_an_installed_package_is_the_same_wheel_every_time(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first = repack("msgpack", HERE, tmp_path)
    again = repack("msgpack", HERE, tmp_path / "again")
    assert first is not None
    assert again is not None
    assert (first.path.name, first.sha256) == (again.path.name, again.sha256)
    assert first.version == distribution("msgpack").version


@pytest.mark.parametrize("name", ["msgpack", "dask"])
def test_pip_installs_it_and_its_commands(tmp_path: Path, name: str) -> None:
    wheel = repack(name, HERE, tmp_path)
    assert wheel is not None
    target = tmp_path / "target"
    pip = pip_wheel(tmp_path).path / "pip"
    subprocess.run(
        [
            *(sys.executable, str(pip), "install", "--quiet", "--no-index", "--no-deps"),
            *("--disable-pip-version-check", "--no-compile", "--target", str(target)),
            str(wheel.path),
        ],
        check=True,
    )
    listed = {str(file) for file in distribution(name).files or () if ".." not in file.parts}
    wanted = {path for path in listed if path.endswith((".py", ".so"))}
    assert wanted <= {str(path.relative_to(target)) for path in target.rglob("*")}
    assert (target / "bin" / "dask").exists() == (name == "dask")


def test_what_would_not_run_there_is_not_made(tmp_path: Path) -> None:
    assert repack("msgpack", Target(HERE.python, "aarch64", HERE.glibc), tmp_path) is None
    assert repack("msgpack", Target(HERE.python, HERE.machine, (2, 5)), tmp_path) is None
    assert repack("nothing-of-that-name", HERE, tmp_path) is None
    assert repack("dask", Target(HERE.python, "aarch64", (2, 17)), tmp_path) is not None


def test_ours_has_the_code_its_entry_point_and_no_panel(tmp_path: Path) -> None:
    wheel = own_wheel(tmp_path)
    with zipfile.ZipFile(wheel.path) as archive:
        names = archive.namelist()
        record = archive.read(names[-1]).decode().splitlines()
        entry_points = archive.read(next(n for n in names if n.endswith("entry_points.txt")))
    assert "jupyter_continuum/worker/agent.py" in names
    assert not [name for name in names if "labextension" in name or name.endswith(".pyc")]
    assert b"distributed.comm.backends" in entry_points
    assert [row[0] for row in csv.reader(record)] == names
