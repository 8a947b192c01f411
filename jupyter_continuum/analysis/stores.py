"""Arrays in zarr stores, which workers open by themselves: at a path or URL that they reach."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an xarray dataset in a zarr store. It is read as xarray decodes it: scaled, and
    NaN where a value is missing."""

    dataset: str
    """Its path or URL."""
    name: str

    @classmethod
    def at(cls, place: str) -> Variable:
        """``/scratch/era5.zarr/t2m``"""
        dataset, _, name = place.rstrip("/").rpartition("/")
        return cls(dataset, name)

    def __str__(self) -> str:
        return f"{self.dataset}/{self.name}"

    def open(self) -> Any:  # xarray.DataArray
        """Here, without its values."""
        import_zarr()
        try:
            import xarray
        except ImportError:
            raise _missing("xarray") from None
        with _readable(self):
            dataset = xarray.open_zarr(self.dataset, chunks=None)
        if self.name not in dataset.data_vars:
            names = ", ".join(sorted(map(str, dataset.data_vars))) or "none"
            raise AnalysisError(f"{self.dataset} has the variables {names}, not {self.name!r}.")
        return dataset[self.name]

    def frame(self) -> Any:  # xarray.DataArray
        """Its axes and coordinates, with a NaN for every value: no larger than they are."""
        import xarray

        found = self.open()
        nothing = np.broadcast_to(np.nan, found.shape)
        return xarray.DataArray(nothing, found.coords, found.dims).load()


Place = str | Variable


def look_at(place: Place) -> Found:
    """The array at a path or URL, seen from this process."""
    if isinstance(place, Variable):
        found = place.open()
        encoding = found.encoding
        blocks = encoding.get("shards") or encoding.get("chunks") or found.shape
    else:
        found = _open_zarr(place)
        blocks = found.shards or found.chunks
    return Found(tuple(found.shape), str(found.dtype), tuple(blocks))


@dataclass(frozen=True, slots=True)
class ZarrPart:
    """A region of a zarr array, by its place."""

    place: Place
    region: Region

    def read(self, _: Sequence[Any]) -> Any:
        whole = self.place.open() if isinstance(self.place, Variable) else _open_zarr(self.place)
        return np.asarray(whole[self.region])


@dataclass(frozen=True, slots=True)
class ZarrArray:
    """A zarr array by its place, which every worker must reach."""

    place: Place
    shape: tuple[int, ...]
    dtype: Any
    blocks: tuple[int, ...] | None
    settled: bool = False

    @classmethod
    def seen(cls, place: Place, found: Found) -> ZarrArray:
        return cls(place, found.shape, np.dtype(found.dtype), found.blocks)

    def part(self, chunk: Chunk) -> ZarrPart:
        return ZarrPart(self.place, chunk.outer)


def import_zarr() -> Any:
    try:
        import zarr
    except ImportError:
        raise _missing("zarr") from None
    return zarr


def _open_zarr(place: str) -> Any:  # zarr.Array
    zarr = import_zarr()
    with _readable(place):
        found = zarr.open(place, mode="r")
    if not hasattr(found, "shape"):
        names = ", ".join(sorted(found)) or "none"
        raise AnalysisError(f"{place} is a zarr group with the arrays {names}: name one of them.")
    return found


@contextmanager
def _readable(place: Place) -> Iterator[None]:
    """What opening a store raises, as a sentence."""
    try:
        yield
    except ImportError as error:  # of what fsspec reads the URL with
        raise AnalysisError(
            f"{place} needs a package that {socket.gethostname()} has not ({_first_line(error)}). "
            "Bring it to the workers with cluster.install, or prepare their site --with it."
        ) from error
    except (OSError, ValueError) as error:
        raise AnalysisError(
            f"{place} on {socket.gethostname()} cannot be read as zarr ({_first_line(error)}). "
            "Every worker must reach it under this name."
        ) from error


def _missing(package: str) -> AnalysisError:
    return AnalysisError(
        f"{package} is not installed on {socket.gethostname()}. Bring it to the workers with "
        f"cluster.install({package!r}), or prepare their site --with {package}."
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
