"""Versions and wheels that only an index has; here the index is a folder."""

from __future__ import annotations

import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from jupyter_continuum.environments.index import collect, resolved
from jupyter_continuum.environments.lock import Lock, Pin, worker_lock
from jupyter_continuum.environments.target import Target
from jupyter_continuum.errors import ContinuumError

HERE = Target.here()
GRACE = Target(HERE.python, "aarch64", (2, 34))


def offer(folder: Path, name: str, number: str, tag: str = "py3-none-any", needs: str = "") -> None:
    info = f"{name}-{number}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n"
    about += f"Requires-Dist: {needs}\n" if needs else ""
    with zipfile.ZipFile(folder / f"{name}-{number}-{tag}.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", about)
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


async def test_open_requirements_get_a_version_and_a_hash_within_the_lock(index: Path) -> None:
    offer(index, "fieldtools", "1.5", needs="numpy")
    offer(index, "fieldtools", "2.0", needs="numpy<1")
    offer(index, "numpy", version("numpy"))
    lock = worker_lock(HERE, extra=["fieldtools"])
    assert lock.open == ("fieldtools",)
    closed = await resolved(lock, HERE)
    (found,) = [pin for pin in closed.pins if pin.name == "fieldtools"]
    assert found.version == "1.5"
    assert len(found.sha256) == 64
    assert len(closed.pins) == len(lock.pins) + 1


async def test_another_processor_gets_its_own_wheel(index: Path, tmp_path: Path) -> None:
    for machine in ("x86_64", "aarch64"):
        offer(index, "fieldtools", "1.5", tag=f"cp311-abi3-manylinux_2_28_{machine}")
    lock = Lock((Pin("dask", version("dask")), Pin("fieldtools", "1.5")))
    told: list[str] = []
    wheels = await collect(lock, GRACE, tmp_path, told.append)
    assert [wheel.name for wheel in wheels] == ["dask", "fieldtools"]
    assert wheels[1].path.name.endswith("aarch64.whl")
    assert told == ["fetching fieldtools==1.5 for aarch64"]


async def test_what_no_index_has_is_a_sentence(index: Path, tmp_path: Path) -> None:
    lock = Lock((), ("nothing-of-that-name",))
    with pytest.raises(ContinuumError, match=r"No wheel of nothing-of-that-name .*pip reaches"):
        await resolved(lock, HERE)
