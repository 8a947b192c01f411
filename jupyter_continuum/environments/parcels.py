"""Wheels on their way to a site, in pieces that can be sent again. Pure but for reading files."""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jupyter_continuum.environments.wheels import Wheel

PIECE_BYTES = 4 * 2**20
"""What one command carries: a minute on a line of half a megabit."""
PART = ".part"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One command at the site, and its input."""

    command: str
    data: bytes
    carried: int
    """Bytes of wheels in it."""


def parcels(wheels: Iterable[Wheel], there: Mapping[str, int], folder: str) -> Iterator[Parcel]:
    """What has to be sent so that every wheel lies in ``folder``.

    ``there`` has the sizes of the files that lie there already; a wheel that came half is
    gone on with where it broke off.
    """
    small: list[Wheel] = []
    for wheel in wheels:
        if there.get(wheel.path.name) == wheel.bytes:
            continue
        if wheel.bytes > PIECE_BYTES:
            yield from _pieces(wheel, there.get(wheel.path.name + PART, 0), folder)
            continue
        if sum(each.bytes for each in small) + wheel.bytes > PIECE_BYTES:
            yield _box(small, folder)
            small = []
        small.append(wheel)
    if small:
        yield _box(small, folder)


def _box(wheels: list[Wheel], folder: str) -> Parcel:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for wheel in wheels:
            entry = tarfile.TarInfo(wheel.path.name)
            entry.size, entry.mode = wheel.bytes, 0o600
            archive.addfile(entry, io.BytesIO(wheel.path.read_bytes()))
    carried = sum(wheel.bytes for wheel in wheels)
    return Parcel(f"umask 077; tar -xo -f - -C {shlex.quote(folder)}", buffer.getvalue(), carried)


def _pieces(wheel: Wheel, begin: int, folder: str) -> Iterator[Parcel]:
    """Each piece checks that it comes next: one that came twice, or not whole, changes nothing."""
    whole = shlex.quote(f"{folder}/{wheel.path.name}")
    part = shlex.quote(f"{folder}/{wheel.path.name}{PART}")
    with wheel.path.open("rb") as file:
        file.seek(begin)
        while data := file.read(PIECE_BYTES):
            end = begin + len(data)
            last = f" && mv {part} {whole}" if end == wheel.bytes else ""
            command = (
                f"umask 077; [ -e {part} ] || : > {part}; "
                f'[ "$(wc -c < {part})" -eq {begin} ] && head -c {len(data)} >> {part} '
                f'&& [ "$(wc -c < {part})" -eq {end} ]{last}'
            )
            yield Parcel(command, data, len(data))
            begin = end
