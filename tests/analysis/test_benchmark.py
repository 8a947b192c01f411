"""The benchmark of a GPU runs without one, on half a megabyte, and keeps nothing then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_continuum.analysis.device import VARIABLE

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def benchmark(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "gpu.py", *words],
        cwd=BENCHMARKS,
        env=os.environ | {VARIABLE: "numpy"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(("device", "rows"), [("numpy", "R2,R5,R7,R8"), ("strict", "R0,R1,R4")])
def test_every_column_is_computed_where_there_is_no_gpu(device: str, rows: str) -> None:
    results = BENCHMARKS / "results" / "gpu.json"
    before = results.read_bytes() if results.exists() else None
    done = benchmark("--device", device, "--size", "tiny", "--rounds", "1", "--rows", rows)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("no GPU: not measured")
    assert (results.read_bytes() if results.exists() else None) == before
    for row in rows.split(","):
        assert any(line.removeprefix("|").split()[0].rstrip(":") == row for line in lines), row
    expected = {"R1 resident", "R1 stock"}  # neighbours, and no such operation
    if device == "strict":  # Dask has no arrays of it, nor has it labels
        expected |= {"R1 plain", "R4 stock"}
    failed = {line.partition(":")[0].strip() for line in lines if line.startswith("  R")}
    assert failed - {"R0", "R7", "R8"} <= expected, done.stdout


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU")
def test_it_measures_nothing_by_itself_where_there_is_no_gpu() -> None:
    done = subprocess.run(
        [sys.executable, "gpu.py"],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("no GPU: not measured (CuPy")
