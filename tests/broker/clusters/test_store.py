"""What lies on disk: for its owner alone, of this machine alone, and in its place alone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.clusters.store import Store, clusters_dir, stored
from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.errors import BrokerError, PlanRefused


def keep(name: str = "main", **changes: Any) -> Path:
    store = Store(name)
    store.create(make_authority(name))
    store.save({"name": name, "id": "0a1b2c"} | changes)
    return store.folder


def test_everything_is_its_owners_alone(state: Path) -> None:
    folder = keep()
    assert {path.name for path in folder.iterdir()} == {"ca.key", "ca.pem", "cluster.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [each["name"] for each in stored()] == ["main"]


@pytest.mark.parametrize(
    "changes",
    [{"name": "../main"}, {"name": "other"}, {"id": "../../x"}, {"id": 7}, {"id": "0a1b2c\n"}],
)
def test_a_record_that_points_elsewhere_is_left_alone(
    state: Path, changes: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = keep()
    path = folder / "cluster.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert stored() == []
    assert "is not found again" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", "null", '{"name": 3}', "\xff"])
def test_a_broken_record_hides_no_other(state: Path, text: str) -> None:
    keep("good")
    (keep("bad") / "cluster.json").write_bytes(text.encode("latin-1"))
    assert [each["name"] for each in stored()] == ["good"]


def test_a_cluster_of_another_machine_is_left_alone(state: Path) -> None:
    folder = keep()
    path = folder / "cluster.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": "login02"}))
    assert stored() == []
    with pytest.raises(PlanRefused, match="another machine"):
        Store("main").create(make_authority("main"))


@pytest.fixture
def full_disk(state: Path) -> Iterator[Path]:
    """The clusters' folder on a file system of a few pages."""
    folder = clusters_dir()
    if os.getuid():
        pytest.skip("mounting a small file system needs root")
    mounted = ["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs", str(folder)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_loses_nothing(full_disk: Path) -> None:
    folder = keep()
    before = (folder / "cluster.json").read_bytes()
    with pytest.raises(BrokerError, match="No space left on device"):
        Store("main").save({"name": "main", "id": "0a1b2c", "jobs": ["x" * 64_000]})
    assert (folder / "cluster.json").read_bytes() == before
    (full_disk / "filler").write_bytes(b"")
    with pytest.raises(OSError, match="No space left"):
        (full_disk / "filler").write_bytes(b"x" * 64_000)
    with pytest.raises(BrokerError, match="No space left"):
        keep("other")
    assert not (full_disk / "other").exists()
