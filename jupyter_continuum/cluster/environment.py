"""What is installed on one side of a cluster, as plain values that travel as JSON."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PROTOCOL = 1
"""Raised when an agent of another release could misread what its cluster says."""
PACKAGES = (
    "cloudpickle",
    "dask",
    "distributed",
    "jupyter-continuum",
    "lz4",
    "msgpack",
    "numpy",
    "pandas",
    "tornado",
)


def environment() -> dict[str, Any]:
    """Versions of what must agree, None for what is missing. Imports none of the packages."""
    libc, libc_version = platform.libc_ver()
    return {
        "protocol": PROTOCOL,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "architecture": platform.machine(),
        "libc": f"{libc} {libc_version}".strip(),
        "hostname": platform.node(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
