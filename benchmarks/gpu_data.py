"""Arrays for `gpu.py`: a part made at random, repeated in a file in memory, and what reads it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jupyter_continuum.analysis.device import backend

BLOCK = (1024, 64, 32)
"""A block of a field in a zarr store, 8 MB: times, rows and columns."""
PART = 1 << 26
"""Bytes that are made at random, computed by NumPy and checked; the rest repeats them."""


def part_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """So much of it along the first axis as is made at random."""
    slab = 4 * int(np.prod(shape[1:], dtype=np.int64))
    return (max(1, min(shape[0], PART // slab)), *shape[1:])


@contextlib.contextmanager
def repeated(part: np.ndarray, shape: tuple[int, ...]) -> Iterator[Path]:
    """A file in memory, where there is such a folder, that repeats ``part`` along its axis."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        path = Path(folder) / "data"
        with path.open("wb") as file:
            for start in range(0, shape[0], len(part)):
                part[: shape[0] - start].tofile(file)
        yield path


def host_array(path: Path, shape: tuple[int, ...], lengths: tuple[int, ...]) -> Any:
    """A Dask array of the file: its blocks are read where they are used, and never travel."""
    import dask.array as da

    chunks = da.core.normalize_chunks(lengths, shape, dtype="float32")
    return da.map_blocks(
        read, str(path), shape, chunks=chunks, dtype="float32", meta=np.empty((0,) * len(shape))
    )


def stored(path: Path, shape: tuple[int, ...], lengths: tuple[int, ...]) -> str:
    """The file as a zarr array beside it, in blocks that its chunks are made of, compressed as zarr
    does unless told otherwise."""
    import zarr

    blocks = tuple(min(length, block) for length, block in zip(lengths, BLOCK, strict=False))
    place = str(path.with_suffix(".zarr"))
    array = zarr.create_array(place, shape=shape, chunks=blocks, dtype="float32")
    values = np.memmap(path, dtype="float32", mode="r", shape=shape)
    for start in range(0, shape[0], blocks[0]):
        array[start : start + blocks[0]] = values[start : start + blocks[0]]
    return place


def read(path: str, shape: tuple[int, ...], block_info: Any = None) -> np.ndarray:
    at = tuple(slice(*each) for each in block_info[None]["array-location"])
    return np.memmap(path, dtype="float32", mode="r", shape=shape)[at]


def to_device(block: np.ndarray) -> Any:
    return backend().put(block)
