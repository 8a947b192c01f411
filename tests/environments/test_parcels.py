"""Wheels arrive whole, whatever came of an earlier try."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jupyter_continuum.environments.parcels import PIECE_BYTES, parcels
from jupyter_continuum.environments.wheels import Wheel
from jupyter_continuum.sites.here.shell import ShellTransport

SIZES = {"a": 10, "b": PIECE_BYTES - 5, "c": 2 * PIECE_BYTES + 7, "d": PIECE_BYTES}


@pytest.fixture
def wheels(tmp_path: Path) -> list[Wheel]:
    made = []
    for name, size in SIZES.items():
        path = tmp_path / f"{name}-1-py3-none-any.whl"
        path.write_bytes(hashlib.shake_128(name.encode()).digest(size))
        made.append(Wheel.at(path))
    return made


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


async def send(wheels: list[Wheel], folder: Path, *, at_most: int = 1000) -> int:
    """The number of commands it took."""
    shell = ShellTransport("here")
    sent = 0
    for parcel in parcels(wheels, sizes(folder), str(folder)):
        if sent == at_most:
            break
        result = await shell.run(parcel.command, input=parcel.data)
        assert (result.status, result.stderr) == (0, "")
        sent += 1
    return sent


async def test_small_ones_travel_together_and_big_ones_in_pieces(
    wheels: list[Wheel], tmp_path: Path
) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    assert await send(wheels, folder) == 6
    for wheel in wheels:
        assert (folder / wheel.path.name).read_bytes() == wheel.path.read_bytes()
    assert await send(wheels, folder) == 0


@pytest.mark.parametrize("broken_after", range(6))
async def test_a_broken_line_costs_only_what_was_under_way(
    wheels: list[Wheel], tmp_path: Path, broken_after: int
) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    assert await send(wheels, folder, at_most=broken_after) == broken_after
    # Small ones are sent last, in one box.
    assert await send(wheels, folder) == 6 - broken_after
    assert sizes(folder) == {wheel.path.name: wheel.bytes for wheel in wheels}


async def test_a_piece_that_comes_twice_is_refused(wheels: list[Wheel], tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    shell = ShellTransport("here")
    (first, *_) = parcels([wheels[2]], {}, str(folder))
    assert (await shell.run(first.command, input=first.data)).status == 0
    assert (await shell.run(first.command, input=first.data)).status != 0
    assert sizes(folder) == {f"{wheels[2].path.name}.part": PIECE_BYTES}
