"""What every figure needs beside it: the machine, the day, the spread; and where it is kept."""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
"""Else each process compiles all that it imports, which is no user's case, and whoever starts fewer
processes looks better than it is."""
PARTS = ("dask", "distributed", "numpy", "cryptography", "tornado")


def machine() -> dict[str, Any]:
    """CPU, cores, kernel and versions; nothing that names the machine."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name: _version(name) for name in PARTS},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a bare machine that was lent for one figure
        return "not installed"


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most, to three digits that mean something."""
    digits = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: float(f"{value:.4g}") for name, value in digits.items()}


def interval(values: Sequence[float]) -> list[float]:
    """Where the median is with 95 % confidence: that of 95 in 100 draws from ``values``, each of as
    many, any of them more than once (percentile bootstrap)."""
    drawn = random.Random(0)  # the same values, the same interval
    medians = [statistics.median(drawn.choices(values, k=len(values))) for _ in range(4000)]
    low, *_, high = statistics.quantiles(medians, n=40)
    return [float(f"{low:.4g}"), float(f"{high:.4g}")]


def save(name: str, results: dict[str, Any]) -> Path:
    """Write ``results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "load_at_the_end": os.getloadavg()[0],
        "machine": machine(),
        **results,
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path
