"""Arrays in zarr stores, which workers open by themselves: at a path or URL that they reach."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_continuum.analysis.cuts import Chunk, Region
from jupyter_continuum.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class Found:
    """What a worker sees of an array that is stored where it is."""

    shape: tuple[int, ...]
    dtype: str
    blocks: tuple[int, ...]


def look_at(place: str) -> Found:
    """The array at a path or URL, seen from this process."""
    array = _open_zarr(place)
    return Found(tuple(array.shape), str(array.dtype), tuple(array.shards or array.chunks))


@dataclass(frozen=True, slots=True)
class ZarrPart:
    """A region of a zarr array, by its place."""

    place: str
    region: Region

    def read(self, _: Sequence[Any]) -> Any:
        return _open_zarr(self.place)[self.region]


@dataclass(frozen=True, slots=True)
class ZarrArray:
    """A zarr array by path or URL, which every worker must reach."""

    place: str
    shape: tuple[int, ...]
    dtype: Any
    blocks: tuple[int, ...] | None
    settled: bool = False

    @classmethod
    def seen(cls, place: str, found: Found) -> ZarrArray:
        return cls(place, found.shape, np.dtype(found.dtype), found.blocks)

    def part(self, chunk: Chunk) -> ZarrPart:
        return ZarrPart(self.place, chunk.outer)


def import_zarr() -> Any:
    try:
        import zarr
    except ImportError:
        raise AnalysisError(
            f"zarr is not installed on {socket.gethostname()}. Bring it to the workers with "
            "cluster.install('zarr'), or prepare their site --with zarr."
        ) from None
    return zarr


def _open_zarr(place: str) -> Any:  # zarr.Array
    zarr = import_zarr()
    try:
        found = zarr.open(place, mode="r")
    except ImportError as error:
        raise AnalysisError(
            f"{place} needs a package that {socket.gethostname()} has not "
            f"({next(iter(str(error).splitlines()), '')}). Bring it to the workers with "
            "cluster.install, or prepare their site --with it."
        ) from error
    except (OSError, ValueError) as error:
        raise AnalysisError(
            f"{place} on {socket.gethostname()} cannot be read as zarr "
            f"({str(error).splitlines()[0]}). Every worker must reach it under this name."
        ) from error
    if not hasattr(found, "shape"):
        names = ", ".join(sorted(found)) or "none"
        raise AnalysisError(f"{place} is a zarr group with the arrays {names}: name one of them.")
    return found
