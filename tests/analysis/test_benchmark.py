"""The benchmark of a GPU runs without one, on half a megabyte, and keeps nothing then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_continuum.analysis.device import VARIABLE

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

HIDING = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
"""Empty, they leave a program no GPU, where there is one."""


def benchmark(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "gpu.py", *words],
        cwd=BENCHMARKS,
        env=os.environ | {VARIABLE: "numpy"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(("device", "rows"), [("numpy", "R2,R5,R6,R7,R8"), ("strict", "R0,R1,R4")])
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
    if "R6" in rows:
        (line,) = [line for line in lines if line.startswith("| R6")]
        assert all(float(line.split("|")[column]) > 0 for column in (2, 3, 9)), line
    failed = {line.partition(":")[0].strip() for line in lines if line.startswith("  R")}
    assert failed - {"R0", "R7", "R8"} <= expected, done.stdout


def test_it_measures_nothing_by_itself_where_there_is_no_gpu() -> None:
    done = subprocess.run(
        [sys.executable, "gpu.py"],
        cwd=BENCHMARKS,
        env=os.environ | dict.fromkeys(HIDING, ""),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("no GPU: not measured (CuPy")
