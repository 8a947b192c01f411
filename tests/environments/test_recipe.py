"""The same lock as an image's recipe. No container engine runs in the tests: its text is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_continuum.environments.lock import Lock, Pin, worker_lock
from jupyter_continuum.environments.recipe import (
    base_image,
    containerfile,
    definition,
    write_recipe,
)
from jupyter_continuum.environments.target import Target
from jupyter_continuum.errors import ContinuumError


@pytest.mark.parametrize("kind", ["oci", "apptainer"])
async def test_the_lock_is_in_it_and_the_wheel_beside(tmp_path: Path, kind: str) -> None:
    made = await write_recipe(kind, gpu="", extra=[], folder=tmp_path)  # type: ignore[arg-type]
    assert made.wheel.parent == tmp_path
    assert made.wheel.name in made.text
    assert worker_lock(Target.here()).text in made.text
    assert base_image("") in made.text


@pytest.mark.parametrize("render", [containerfile, definition])
def test_a_line_that_runs_is_no_line_of_the_lock(render) -> None:  # type: ignore[no-untyped-def]
    lines = render(Lock((Pin("numpy", "2.4.6"),)), "ours.whl", "image:1").splitlines()
    start = next(at for at, line in enumerate(lines) if "<<LOCK" in line)
    assert lines[start + 1 : start + 3] == ["numpy==2.4.6", "LOCK"]
    assert any("--no-deps -r /opt/worker/lock.txt" in line for line in lines[start + 3 :])


def test_amd_has_no_image_by_default() -> None:
    assert "ARG BASE\n" in containerfile(Lock(()), "ours.whl", base_image("rocm"))
    assert "--build-arg BASE" in definition(Lock(()), "ours.whl", base_image("rocm"))


async def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ContinuumError, match="is no folder"):
        await write_recipe("oci", gpu="", extra=[], folder=tmp_path / "none")
