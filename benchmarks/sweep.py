"""A sweep beside a loop of papermill: the same notebook of one second, one after the other.

    python benchmarks/sweep.py [--rounds 3] [--runs 100] [--loop 10]

Two notebooks, which both import NumPy and pandas: one waits a second, as for a cluster; the other
computes for a second of CPU. A round is a whole sweep, its start and its table included, and
``--loop`` calls of ``papermill.execute_notebook`` in one process which has imported papermill, half
of them before the sweep and half after it. Their time is scaled to the number of runs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import papermill
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook
from record import save, spread

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.cli.playground import playground

KINDS = {
    "waits": "import time\ntime.sleep(1)",
    "computes": "import time\nbegan = time.process_time()\n"
    "while time.process_time() < began + 1:\n    sum(range(10_000))",
}
JOBS = {"waits": 8, "computes": os.cpu_count() or 1}
COMMAND = [sys.executable, "-m", "jupyter_continuum.cli", "sweep"]


def make(folder: Path, kind: str) -> Path:
    parameters = new_code_cell("seed = 0", metadata={"tags": ["parameters"]})
    cells = [parameters, new_code_cell("import numpy, pandas"), new_code_cell(KINDS[kind])]
    spec = {"name": "python3", "display_name": "python3", "language": "python"}
    path = folder / f"{kind}.ipynb"
    write(new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
    return path


def loop(notebook: Path, runs: int) -> list[float]:
    """Seconds of each run by papermill alone."""
    took = []
    for seed in range(runs):
        began = time.perf_counter()
        papermill.execute_notebook(
            notebook,
            notebook.with_name("loop.ipynb"),
            parameters={"seed": seed},
            progress_bar=False,
            cwd=notebook.parent,
        )
        took.append(time.perf_counter() - began)
    return took


def sweep(notebook: Path, runs: int, jobs: int) -> tuple[float, list[float]]:
    """Seconds of the whole command, and of each run in it."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(notebook), "-p", "seed", f"1:{runs}", "--on", "bench", "--jobs", str(jobs)]
        began = time.perf_counter()
        subprocess.run([*COMMAND, *words, "--output", folder], check=True, stdout=sys.stderr)
        took = time.perf_counter() - began
        with (Path(folder) / "runs.csv").open() as file:
            rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["completed"] * runs
    return took, [float(row["seconds"]) for row in rows]


def compare(notebook: Path, kind: str, options: argparse.Namespace) -> dict[str, Any]:
    ratios, whole, each, by_papermill = [], [], [], []
    for _ in range(options.rounds):
        before = loop(notebook, options.loop // 2)
        took, seconds = sweep(notebook, options.runs, JOBS[kind])
        plain = [*before, *loop(notebook, options.loop - len(before))]
        ratios.append(statistics.mean(plain) * options.runs / took)
        whole.append(took)
        each += seconds
        by_papermill += plain
        print(kind, f"{ratios[-1]:.2f} x, {took:.1f} s", file=sys.stderr)
    return {
        "jobs": JOBS[kind],
        "loop_over_sweep": spread(ratios),
        "sweep_s": spread(whole),
        "sweep_s_per_run": spread([took / options.runs for took in whole]),
        "run_in_sweep_s": spread(each),
        "run_by_papermill_s": spread(by_papermill),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--loop", type=int, default=10)
    options = parser.parse_args()
    results: dict[str, Any] = dict(vars(options))
    with playground(), tempfile.TemporaryDirectory() as folder:
        try:
            call_broker("launch", plan={"name": "bench", "groups": [{"offer": "local/cores"}]})
            for kind in KINDS:
                results[kind] = compare(make(Path(folder), kind), kind, options)
        finally:
            end_everything()
    save("sweep", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
