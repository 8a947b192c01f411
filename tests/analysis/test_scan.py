"""The common form: every chunk once, in order, from every source, by unequal workers."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.analysis import opening, scan
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.chunk import DeviceChunk
from jupyter_continuum.analysis.crew import Hands, Here, Started
from jupyter_continuum.analysis.cuts import Layout, chunk_lengths, cut
from jupyter_continuum.analysis.keeping import keep, keep_here
from jupyter_continuum.analysis.method import InOrder
from jupyter_continuum.analysis.scan import Progress, run
from jupyter_continuum.analysis.sources import Kept, as_source, load
from jupyter_continuum.errors import AnalysisError
from tests.analysis.kernels import Borders, Total

X = np.arange(120.0 * 40).reshape(120, 40)
SHAPES = st.lists(st.integers(1, 40), min_size=1, max_size=3)


@given(shape=SHAPES, data=st.data())
def test_each_element_is_in_one_chunk_and_no_chunk_is_too_large(
    shape: list[int], data: st.DataObject
) -> None:
    axes = tuple(range(len(shape)))
    blocks = [data.draw(st.integers(1, 50)) for _ in shape]
    halo = {axis: data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3))) for axis in axes}
    layout = Layout(axes=axes, halo=halo, step={0: data.draw(st.integers(1, 4))})
    at_most = data.draw(st.integers(8 * 10**3, 10**5))
    wanted = data.draw(st.integers(8, at_most))
    lengths = chunk_lengths(
        shape, 8, layout, blocks=blocks, bytes_wanted=wanted, bytes_at_most=at_most
    )
    count = np.zeros(shape, dtype=int)
    for chunk in cut(shape, lengths, layout):
        count[chunk.region] += 1
        assert count[chunk.outer].nbytes <= at_most
        assert count[chunk.outer][chunk.inner].shape == count[chunk.region].shape
        assert chunk.region[0].start % layout.step[0] == 0
    assert (count == 1).all()


@pytest.mark.parametrize(
    ("wanted", "lengths"), [(800, (10, 10)), (1600, (20, 10)), (80_000, (100, 100)), (79, (10, 10))]
)
def test_a_chunk_is_whole_storage_blocks(wanted: int, lengths: tuple[int, int]) -> None:
    layout = Layout(axes=(1, 0))
    found = chunk_lengths(
        (100, 100), 8, layout, blocks=(10, 10), bytes_wanted=wanted, bytes_at_most=10**6
    )
    assert math.prod(found) == math.prod(lengths)
    assert all(length % 10 == 0 for length in found)


def test_a_block_larger_than_memory_is_cut_and_what_cannot_be_is_refused() -> None:
    one = {"blocks": (100, 100), "bytes_wanted": 8000, "bytes_at_most": 8000}
    assert chunk_lengths((100, 100), 8, Layout(axes=(0,)), **one) == (10, 100)
    with pytest.raises(AnalysisError, match=r"chunk of \(1, 10000\) .* cannot be cut further"):
        chunk_lengths((100, 10_000), 8, Layout(axes=(0,)), **one)


@given(count=st.integers(1, 40), data=st.data())
def test_partials_are_combined_in_order_whenever_they_come(count: int, data: st.DataObject) -> None:
    def combine(a: str, b: str) -> str:
        return f"({a}{b})"

    orders = [range(count), data.draw(st.permutations(range(count)))]
    results = []
    for order in orders:
        combined: InOrder[str] = InOrder(count, combine)
        for index in order:
            combined.add(index, f"{index},")
        results.append(combined.result)
    assert results[0] == results[1]
    plain = results[0].replace("(", "").replace(")", "")
    assert plain == "".join(f"{index}," for index in range(count))


@pytest.mark.usefixtures("small_chunks")
def test_a_gpu_beside_cpus_takes_several_chunks_in_one_task(
    mixed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit what one chunk at a time gives: floats, whose sum depends on the order."""
    monkeypatch.setattr(opening, "WANTED", {True: 16_000, False: 4000})
    monkeypatch.setattr(opening, "LEAST", 4000)
    x = np.random.default_rng(4).normal(size=(1200, 40))
    lengths: list[int] = []
    found = run(Total(), x, client=mixed)
    make = scan.Run.__len__

    def counted(one: scan.Run) -> int:
        lengths.append(make(one))
        return lengths[-1]

    monkeypatch.setattr(scan.Run, "__len__", counted)
    assert run(Total(), x, client=mixed) == found
    assert max(lengths) == 4
    monkeypatch.setattr(opening, "WANTED", {True: 4000, False: 4000})
    assert run(Total(), x, client=mixed) == found
    assert found.chunks > 90


def sources(folder: Path) -> dict[str, Any]:
    zarr.create_array(str(folder / "x.zarr"), data=X, chunks=(7, 11))
    group = zarr.open_group(str(folder / "group.zarr"))
    group.create_array("y", data=X, chunks=(10, 40))
    mapped = np.lib.format.open_memmap(folder / "x.npy", mode="w+", dtype=X.dtype, shape=X.shape)
    mapped[:] = X
    xr.Dataset({"v": (("a", "b"), X)}).to_zarr(folder / "xr.zarr", zarr_format=2, consolidated=True)
    return {
        "numpy": X,
        "mapped": mapped,
        "path": str(folder / "x.zarr"),
        "zarr": zarr.open(str(folder / "x.zarr"), mode="r"),
        "in a group": group["y"],
        "in memory": zarr.array(X, chunks=(13, 13)),
        "dask": da.from_array(X, chunks=(9, 17)),
        "dask of zarr": da.from_zarr(str(folder / "x.zarr")) * 2 / 2,
        "xarray": xr.DataArray(X, dims=("a", "b")),
        "xarray of zarr": xr.open_zarr(folder / "xr.zarr", chunks=None)["v"],
        "xarray of dask": xr.open_zarr(folder / "xr.zarr")["v"],
    }


NAMES = (
    *("numpy", "mapped", "path", "zarr", "in a group", "in memory"),
    *("dask", "dask of zarr", "xarray", "xarray of zarr", "xarray of dask"),
)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("name", NAMES)
def test_every_source_is_read_whole(name: str, tmp_path: Path, device: Backend) -> None:
    array = sources(tmp_path)[name]
    assert run(Total(), array).sum == X.sum()
    assert run(Borders(), array) == 0


@pytest.mark.usefixtures("small_chunks")
def test_the_same_here_and_on_every_library(here: Backend) -> None:
    seen: list[Progress] = []
    found = run(Total(), X, progress=seen.append)
    assert (found.sum, found.chunks) == (X.sum(), seen[-1].total)
    assert [each.done for each in seen] == list(range(1, found.chunks + 1))
    assert found.chunks > 5
    assert seen[-1].by == {here.model: found.chunks}


@pytest.mark.usefixtures("small_chunks")
def test_unequal_workers_share_one_run(mixed: Client, tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "x.zarr"), data=X, chunks=(7, 11))
    for array in (X, str(tmp_path / "x.zarr"), da.from_array(X, chunks=(9, 17)) + 0):
        seen: list[Progress] = []
        assert run(Total(), array, client=mixed, progress=seen.append).sum == X.sum()
        assert seen[-1].done == seen[-1].total > 5
        assert sum(seen[-1].by.values()) == seen[-1].total
        assert set(seen[-1].by) == {"CPU", "a device that is none"}


@pytest.mark.usefixtures("small_chunks")
def test_what_was_persisted_is_taken_from_the_workers(mixed: Client) -> None:
    persisted = mixed.persist(da.from_array(X, chunks=(10, 40)) + 1)
    assert run(Total(), persisted, client=mixed).sum == X.sum() + X.size


@pytest.mark.usefixtures("small_chunks")
def test_a_kept_array_is_uploaded_once(mixed: Client, device: Backend) -> None:
    for client in (None, mixed):
        kept = keep(Total(), X, client=client)
        assert run(Total(), kept, client=client).sum == X.sum()
        assert run(Total(), kept, client=client).sum == X.sum()
        with pytest.raises(AnalysisError, match="neighbours"):
            run(Borders(), kept, client=client)
    assert keep(Total(), X).chunks[0].resident


def test_what_there_is_no_room_for_is_read_anew(tmp_path: Path, here: Backend) -> None:
    zarr.create_array(str(tmp_path / "x.zarr"), data=X, chunks=(10, 40))
    source = as_source(str(tmp_path / "x.zarr"))
    chunks = cut(X.shape, (10, 40), Layout(axes=(0,)))
    kept = keep_here(source, chunks, room=5 * 10 * 40 * 8)
    assert [isinstance(each, DeviceChunk) for each in kept] == [True] * 5 + [False] * 7
    assert run(Total(), Kept(X.shape, X.dtype, (10, 40), tuple(kept))).sum == X.sum()


@pytest.mark.usefixtures("small_chunks")
def test_a_kept_array_is_read_where_it_is_seen(mixed: Client, tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "only.zarr"), data=X, chunks=(7, 11))
    at = [address_of(mixed, "plain")]
    before = mixed.run(os.getcwd, workers=at)
    mixed.run(os.chdir, str(tmp_path), workers=at)
    try:
        kept = keep(Total(), "only.zarr", client=mixed)
        assert run(Total(), kept, client=mixed).sum == X.sum()
    finally:
        mixed.run(os.chdir, *before.values(), workers=at)


@pytest.mark.usefixtures("small_chunks")
def test_what_only_some_workers_can_open_is_read_by_those(mixed: Client, tmp_path: Path) -> None:
    """A relative path: the worker ``gpu`` stands where it leads somewhere, nobody else does."""
    zarr.create_array(str(tmp_path / "only.zarr"), data=X, chunks=(7, 11))
    at = [address_of(mixed, "gpu")]
    before = mixed.run(os.getcwd, workers=at)
    mixed.run(os.chdir, str(tmp_path), workers=at)
    try:
        seen: list[Progress] = []
        assert run(Total(), "only.zarr", client=mixed, progress=seen.append).sum == X.sum()
        assert seen[-1].by == {"a device that is none": seen[-1].total}
    finally:
        mixed.run(os.chdir, *before.values(), workers=at)


def address_of(client: Client, name: str) -> str:
    """Of the worker of that name; `Client.scheduler_info` may lose them to its own timer."""
    known = client.sync(client.scheduler.identity)["workers"]
    return next(address for address, about in known.items() if about["name"] == name)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("/nowhere/x.zarr", "None of the 2 workers can read it: /nowhere/x.zarr on .* as zarr"),
        ("nosuch://there/x.zarr", "None of the 2 workers .* nosuch"),
    ],
)
def test_what_no_worker_can_open_is_a_sentence(mixed: Client, place: str, says: str) -> None:
    with pytest.raises(AnalysisError, match=says):
        run(Total(), place, client=mixed)


def test_what_is_not_the_same_for_all_workers_is_refused(mixed: Client, tmp_path: Path) -> None:
    before = mixed.run(os.getcwd)
    for name, array in (("gpu", X), ("plain", X[:, :7])):
        zarr.create_array(str(tmp_path / name / "x.zarr"), data=array)
        mixed.run(os.chdir, str(tmp_path / name), workers=[address_of(mixed, name)])
    try:
        with pytest.raises(AnalysisError, match=r"not the same array .*\(120, 40\).*\(120, 7\)"):
            run(Total(), "x.zarr", client=mixed)
    finally:
        for address, folder in before.items():
            mixed.run(os.chdir, folder, workers=[address])


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((0, 5)), "nothing to analyse"),
        ([1, 2], "not builtins.list"),
        (xr.Dataset({"a": ("x", [1.0])}), "holds a: name one"),
        (da.from_array(X, chunks=(10, 40)) - da.from_array(X, chunks=(10, 40)).mean(), "share"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(array: Any, says: str) -> None:
    with pytest.raises(AnalysisError, match=says):
        run(Total(), array)


def test_a_zarr_group_names_its_arrays(tmp_path: Path) -> None:
    zarr.open_group(str(tmp_path)).create_array("speed", data=X)
    with pytest.raises(AnalysisError, match="the arrays speed"):
        run(Total(), tmp_path)


def test_a_worker_without_the_package_says_what_brings_it() -> None:
    """A part that only unpickles where a module is; elsewhere a task like it ends the worker."""
    array = da.from_array(X, chunks=(10, 40)).map_blocks(np.abs)
    source = as_source(array)
    part = source.part(cut(X.shape, (10, 40), Layout(axes=(0,)))[0])
    np.testing.assert_array_equal(load(part), X[:10])
    broken = type(part)(b"cnowhere\nthing\n.", ())
    with pytest.raises(AnalysisError, match=r"lacks what .* cluster\.install"):
        load(broken)


class Unequal(Here):
    """A fast and a slow kind in one process; the slow one waits until it is let go."""

    def __init__(self) -> None:
        self.pools = {"fast": ThreadPoolExecutor(1), "slow": ThreadPoolExecutor(1)}
        self.let_go = threading.Event()
        self.started: list[str] = []

    def look(self) -> Mapping[str, Hands]:
        return {name: Hands(name, 1, name == "fast", 1 << 30) for name in self.pools}

    def start(self, key: str, work: Callable[..., Any], *given: Any, leave: bool) -> Started:
        self.started.append(key)

        def slowly(*given: Any) -> Any:
            self.let_go.wait(30)
            return work(*given)

        return Started(self.pools[key].submit(slowly if key == "slow" else work, *given))

    def close(self) -> None:
        self.let_go.set()
        for pool in self.pools.values():
            pool.shutdown()


@pytest.mark.usefixtures("small_chunks")
def test_a_run_does_not_wait_for_the_chunk_of_a_slow_worker(
    monkeypatch: pytest.MonkeyPatch, device: Backend
) -> None:
    crew = Unequal()
    monkeypatch.setattr(opening, "Here", lambda: crew)
    seen: list[Progress] = []
    assert run(Total(), X, progress=seen.append).sum == X.sum()
    assert crew.started.count("slow") == 1
    assert seen[-1].by == {"fast": seen[-1].total, "slow": 0}


def test_what_a_worker_runs_needs_none_of_the_packages_of_the_asking_side() -> None:
    code = (
        "import sys; from jupyter_continuum.analysis import scan, crew, sources, method; "
        "print(sorted({'xarray', 'zarr', 'scipy', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
