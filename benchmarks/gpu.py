"""What a GPU makes of the analyses: NumPy, plain CuPy, stock Dask with CuPy, and ours.

    python benchmarks/gpu.py [--size full] [--minutes 9] [--rows R0,R4,R5]

One command, for one GPU and some cores; this package with ``[analysis]`` and CuPy. Columns:
NumPy on one thread, and on a thread for each core (of a part, scaled); plain CuPy on one array;
stock Dask with CuPy at its best of three chunk sizes; ours on the device: the kernel alone on one
chunk (bare), and by a cluster; ours, streamed from a file in memory, and climate also from a zarr
store there. All but NumPy take turns, and ratios are of rounds. The roof is the least traffic of a
row at the rate of a copy, measured here; of streaming, that of the link.

Rows are kept in ``results/gpu.json`` as they are done, those that fail as a sentence, and only from
a real GPU: with ``--device numpy|strict|torch --size tiny`` the same code runs on this machine.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread of NumPy is one thread

import argparse
import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster
from gpu_data import host_array, part_of, repeated, stored, to_device
from gpu_meter import Energy, Meter
from gpu_rows import ROWS, Row, lloyd
from gpu_table import HEAD, line
from record import save, spread

from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.chunk import residents
from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.device import choose, use
from jupyter_continuum.analysis.keeping import keep
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.montecarlo import monte_carlo
from jupyter_continuum.analysis.scan import run
from jupyter_continuum.analysis.stores import look_at

SIZES = {"tiny": 1 << 19, "small": 1 << 28, "full": 1 << 33}
STOCK_CHUNKS = {"128 MB": 1 << 27, "1 GB": 1 << 30, "4 GB": 1 << 32}


class Bench:
    def __init__(self, here: Backend, client: Client, options: argparse.Namespace) -> None:
        self.here = here
        self.client = client
        self.size = SIZES[options.size]
        self.rounds = options.rounds
        self.deadline = time.monotonic() + 60 * options.minutes
        self.energy = Energy()
        self.link: dict[str, Any] = {}

    # R0 ---------------------------------------------------------------------------------

    def copies(self, until: float) -> dict[str, Any]:
        """GB/s of a copy on the device, read and write counted, and over the link."""
        host = np.ones(self.size // 4, dtype="float32")
        there = self.here.put(host)
        ways: dict[str, Callable[[], object]] = {
            "copy": lambda: self.here.xp.asarray(there, copy=True),
            "h2d_pageable": lambda: self.here.put(host),
            "d2h_pageable": lambda: self.here.to_host(there),
        }
        if self.here.name == "cupy":
            import cupyx

            pinned = cupyx.empty_pinned(host.shape, dtype=host.dtype)
            pinned[:] = host
            ways["h2d_pinned"] = lambda: there.set(pinned)
            ways["d2h_pinned"] = lambda: there.get(out=pinned)
        meter = Meter(self.here, self.energy, ways)
        meter.take_turns(self.rounds, until)
        rates = {
            name: spread([(2 if name == "copy" else 1) * host.nbytes / s / 1e9 for s in seconds])
            for name, seconds in meter.seconds.items()
        }
        self.link = {name: rate["median"] for name, rate in rates.items()}
        return {"gb": host.nbytes / 1e9, "gb_per_s": rates, "failed": meter.failed}

    # R1 to R6 ---------------------------------------------------------------------------

    def compare(self, row: Row, until: float) -> dict[str, Any]:
        shape = row.shape(int(self.size * row.share))
        part = row.fill(np.random.default_rng(1), part_of(shape))
        total = 4 * int(np.prod(shape, dtype=np.int64))
        about: dict[str, Any] = {"title": row.title, "shape": shape, "gb": total / 1e9}
        failed: dict[str, str] = {}
        with attempt(failed, "error"), np.errstate(all="ignore"):
            about["error"] = row.check(part.astype("float64"), self.ours(row, part))
        with attempt(failed, "numpy"), np.errstate(all="ignore"):
            began = time.perf_counter()
            row.plain(numpy_namespace(), part)
            about["numpy_s"] = (time.perf_counter() - began) * total / part.nbytes
        with attempt(failed, "numpy_cores"), np.errstate(all="ignore"):
            about["numpy_cores_s"] = on_all_cores(row, part) * total / part.nbytes
        with repeated(part, shape) as path:
            ways = self.ways(row, path, shape, about, failed)
            meter = Meter(self.here, self.energy, ways)
            meter.take_turns(self.rounds, until)
            ways.clear()
        self.free()
        return about | self.figures(row, total, meter) | {"failed": failed | meter.failed}

    def ways(
        self, row: Row, path: Path, shape: tuple[int, ...], about: dict[str, Any], failed: Any
    ) -> dict[str, Callable[[], object]]:
        """What takes turns, by column, with its array where it belongs."""
        here, analysis = self.here, row.analysis(shape)
        host = np.memmap(path, dtype="float32", mode="r", shape=shape)
        ways: dict[str, Callable[[], object]] = {}
        lengths = shape
        with attempt(failed, "resident"):
            kept = keep(analysis, host_array(path, shape, shape), client=self.client)
            lengths = kept.lengths
            ways["resident"] = lambda: self.ours(row, kept)
        with attempt(failed, "plain"):
            there = here.put(host)
            ways["plain"] = lambda: here.to_host(row.plain(here.xp, there))
            block = here.xp.asarray(there[tuple(slice(each) for each in lengths)], copy=True)
            bare, share = self.bare(row, analysis, block), np.prod(shape) / np.prod(block.shape)
            ways["bare"] = bare
            about["chunks"] = float(share)
        with attempt(failed, "stock"):
            if row.stock is None:
                raise NotImplementedError("stock Dask has no such operation")
            chunk, array = self.best_chunk(row, path, host, about)
            stock = row.stock
            about["stock_chunk"] = chunk
            ways["stock"] = lambda: stock(array)
        source = host_array(path, shape, lengths)
        ways["streamed"] = lambda: self.ours(row, source)
        if row.stored:
            with attempt(failed, "stored"):
                place = stored(path, shape, lengths)
                ways["stored"] = lambda: self.ours(row, place)
        return ways

    def ours(self, row: Row, source: Any) -> Any:
        if row.iterations:
            return lloyd(source, self.client)
        shape = look_at(source).shape if isinstance(source, str) else tuple(source.shape)
        return run(row.analysis(shape), source, client=self.client)

    def bare(self, row: Row, analysis: Analysis[Any, Any], block: Any) -> Callable[[], object]:
        """The kernel of an analysis on one chunk that lies on the device, without Dask."""
        if row.iterations:
            from jupyter_continuum.analysis.clusters import _Step

            centres = np.arange(32.0 * block.shape[1]).reshape(32, -1)
            analysis = _Step(tuple(map(tuple, centres.tolist())))
        region = tuple(slice(0, length) for length in block.shape)
        chunk = Chunk(0, region, region)
        return lambda: self.here.to_host(analysis.partial(self.here.xp, block, chunk))

    def best_chunk(self, row: Row, path: Path, host: Any, about: dict[str, Any]) -> tuple[str, Any]:
        """The chunk size with which stock Dask is fastest, and its array on the device."""
        assert row.stock is not None
        found: dict[str, float] = {}
        best: Any = None
        axis = row.analysis(host.shape).layout(host.shape, host.dtype).axes[0]
        slab = host.nbytes // host.shape[axis]
        for name, wanted in STOCK_CHUNKS.items():
            length = max(1, min(host.shape[axis], wanted * self.size // SIZES["full"] // slab))
            lengths = tuple(length if at == axis else each for at, each in enumerate(host.shape))
            nothing = self.here.put(np.empty((0,) * host.ndim, dtype="float32"))
            source = host_array(path, host.shape, lengths)
            there = source.map_blocks(to_device, dtype=host.dtype, meta=nothing)
            array = self.client.persist(there)
            row.stock(array)  # plans and compilations
            began = time.perf_counter()
            row.stock(array)
            found[name] = time.perf_counter() - began
            if best is None or found[name] < found[best[0]]:
                best = name, array
            del there, array
        about["stock_s_by_chunk"] = found
        chosen: tuple[str, Any] = best
        return chosen

    def figures(self, row: Row, total: int, meter: Meter) -> dict[str, Any]:
        """Seconds, ratios of rounds, and shares of the roof."""
        seconds = {name: each for name, each in meter.seconds.items() if each}
        found: dict[str, Any] = {
            "seconds": {name: spread(each) for name, each in seconds.items()},
            "joules": meter.joules,
            "peak_device_gb": meter.peak_gb,
        }
        for ours, other in (("resident", "stock"), ("resident", "plain"), ("streamed", "stock")):
            if ours in seconds and other in seconds:
                ratios = [b / a for a, b in zip(seconds[ours], seconds[other], strict=False)]
                found[f"{other}_over_{ours}"] = spread(ratios)
        roof = row.passes * total / 1e9 / self.link["copy"] if "copy" in self.link else None
        if roof:
            found["roof_s"] = roof
            found["of_roof"] = {
                name: roof / found["seconds"][name]["median"]
                for name in ("plain", "stock", "resident")
                if name in seconds
            }
        link = self.link.get("h2d_pinned") or self.link.get("h2d_pageable")
        if link and "streamed" in seconds:
            found["of_link"] = total / 1e9 / link / found["seconds"]["streamed"]["median"]
        return found

    # R7 and R8 --------------------------------------------------------------------------

    def draws(self, until: float) -> dict[str, Any]:
        number = self.size // 8

        def plain() -> object:
            random = self.here.xp.random if self.here.name == "cupy" else np.random
            x, y = random.random(number), random.random(number)
            return float((x * x + y * y < 1).sum())

        ways: dict[str, Callable[[], object]] = {
            "plain": plain,
            "resident": lambda: monte_carlo(in_circle, number, dimensions=2, client=self.client),
        }
        meter = Meter(self.here, self.energy, ways)
        meter.take_turns(self.rounds, until)
        rates = {
            name: spread([number / s for s in seconds])
            for name, seconds in meter.seconds.items()
            if seconds
        }
        return {"title": "Monte Carlo", "draws_per_s": rates, "failed": meter.failed}

    def overhead(self, until: float) -> dict[str, Any]:
        """Seconds that a chunk costs beside its work, and the chunk that makes it a tenth."""
        ways: dict[str, Callable[[], object]] = {}
        numbers = (1, 8, 32) if self.size == SIZES["tiny"] else (1, 64, 512)
        for number in numbers:
            kept = keep(Rows(), np.ones((number, 1024), dtype="float32"), client=self.client)
            ways[str(number)] = lambda kept=kept: run(Rows(), kept, client=self.client)
        meter = Meter(self.here, self.energy, ways)
        meter.take_turns(self.rounds, until)
        rounds = zip(*(meter.seconds[str(each)] for each in (numbers[-1], 1)), strict=False)
        each = spread([(many - one) / (numbers[-1] - 1) for many, one in rounds])
        found: dict[str, Any] = {"title": "a chunk without work", "seconds_per_chunk": each}
        if "copy" in self.link:
            found["chunk_gb_for_90_percent_of_one_pass"] = 9 * each["median"] * self.link["copy"]
        return found | {"failed": meter.failed}

    def free(self) -> None:
        residents.evict_all()
        if self.here.name == "cupy":
            import cupy

            cupy.get_default_memory_pool().free_all_blocks()


class Rows(Analysis[Any, float]):
    """A sum with one row a chunk: next to no work."""

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        return Layout(axes=(0,), length={0: 1})

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        return xp.sum(block)

    def combine(self, first: Any, second: Any) -> Any:
        return first + second

    def finalise(self, partial: Any) -> float:
        return float(partial)


def in_circle(xp: Any, u: Any) -> Any:
    return xp.sum(u * u, axis=1) < 1


def numpy_namespace() -> Any:
    from array_api_compat import numpy

    return numpy


def on_all_cores(row: Row, part: np.ndarray) -> float:
    """Seconds of NumPy on pieces of ``part``, one for each core, without putting them together."""
    cores = len(os.sched_getaffinity(0))
    pieces = np.array_split(part, min(cores, part.shape[row.across]), axis=row.across)
    with ThreadPoolExecutor(cores) as pool:
        began = time.perf_counter()
        list(pool.map(lambda piece: row.plain(numpy_namespace(), piece), pieces))
        return (time.perf_counter() - began) * len(pieces) / cores


@contextlib.contextmanager
def attempt(failed: dict[str, str], name: str) -> Iterator[None]:
    """What fails is a sentence in the table, and the others go on."""
    try:
        yield
    except Exception as error:  # of any library
        failed[name] = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


# What is shown and kept -----------------------------------------------------------------


def surroundings(here: Backend) -> dict[str, Any]:
    """What CuPy and the driver say of themselves."""
    told: dict[str, Any] = {"device": here.model, "library": here.name}
    failed: dict[str, str] = {}
    if here.name == "cupy":
        with attempt(failed, "show_config"):
            import cupy

            with contextlib.redirect_stdout(io.StringIO()) as text:
                cupy.show_config()
            told["show_config"] = text.getvalue().splitlines()
    with attempt(failed, "nvidia_smi"):
        done = subprocess.run(
            ["nvidia-smi"], capture_output=True, text=True, timeout=30, check=True
        )
        told["nvidia_smi"] = done.stdout.splitlines()
    return told | ({"failed": failed} if failed else {})


def measure(bench: Bench, wanted: list[str], keep_it: Callable[[dict[str, Any]], object]) -> None:
    rows: dict[str, Callable[[float], dict[str, Any]]] = {"R0": bench.copies}
    for row in ROWS:
        rows[row.name] = lambda until, row=row: bench.compare(row, until)
    rows |= {"R8": bench.overhead, "R7": bench.draws}
    rows = {name: do for name, do in rows.items() if not wanted or name.split()[0] in wanted}
    found: dict[str, Any] = {}
    print(HEAD)
    for number, (name, do) in enumerate(rows.items()):
        left = bench.deadline - time.monotonic()
        if left <= 0:
            found[name] = {"failed": {"row": "the time was over before it began"}}
        else:
            failed: dict[str, str] = {}
            found[name] = {}
            with attempt(failed, "row"):
                found[name] = do(time.monotonic() + left / (len(rows) - number))
            found[name]["failed"] = found[name].get("failed", {}) | failed
        if "seconds" in found[name]:
            print(line(name, found[name]), flush=True)
        else:
            print(f"  {name}: {json.dumps(found[name])}", flush=True)
        for column, why in found[name]["failed"].items():
            print(f"  {name} {column}: {why}", flush=True)
        keep_it(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", default="", help="R0,R4,R5; all when left out")
    parser.add_argument("--device", default="auto", help="cupy, torch, numpy or strict")
    options = parser.parse_args()
    found = choose(options.device)
    real = found.backend.accelerated and found.backend.name != "strict"
    if not real:
        print(f"no GPU: not measured ({found.why})")
        if options.device == "auto":
            return 1
    wanted = [each for each in options.rows.split(",") if each]
    with (
        use(found.backend.name) as here,
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        told = vars(options) | {"about": surroundings(here)}

        def keep_it(rows: dict[str, Any]) -> None:
            if real and options.size != "tiny":
                save("gpu", told | {"rows": rows})

        measure(Bench(here, client, options), wanted, keep_it)
    if real:
        print(json.dumps(told["about"], indent=1), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
