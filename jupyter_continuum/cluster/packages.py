"""More packages on a running cluster: wheels that were sent, unpacked into a worker's scratch.

They lie behind the environment on `sys.path`: nothing that it has is replaced.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import platform
import shutil
import sys
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from distributed.diagnostics.plugin import WorkerPlugin

Machine = tuple[str, str, str]
"""Python's version, processor and C library of a worker."""
FOLDER = "packages"


def machine() -> Machine:
    """Of this process."""
    libc, number = platform.libc_ver()
    return platform.python_version(), platform.machine(), f"{libc} {number}".strip()


def survey() -> tuple[Machine, dict[str, str]]:
    """This worker's machine, and the versions of what it can import."""
    found = {each.metadata["Name"]: each.version for each in distributions()}
    return machine(), {name: number for name, number in found.items() if name}


class WorkerPackages(WorkerPlugin):
    """Wheels for every machine of the cluster; each worker takes its own."""

    def __init__(self, wheels: Mapping[Machine, Sequence[bytes]]) -> None:
        parts = sorted(
            hashlib.sha256(each).hexdigest() for some in wheels.values() for each in some
        )
        self.name = f"continuum-packages-{hashlib.sha256(''.join(parts).encode()).hexdigest()[:12]}"
        self._wheels = dict(wheels)

    def setup(self, worker: Any) -> None:
        wheels = self._wheels.get(machine())
        if wheels is None:
            raise RuntimeError(
                f"No wheels were sent for {' '.join(machine())}. Call cluster.install again."
            )
        folder = Path(worker.local_directory) / FOLDER / self.name
        if not folder.exists():
            partial = folder.with_suffix(".part")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            for wheel in wheels:
                unpack(wheel, partial)
            partial.rename(folder)
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        importlib.invalidate_caches()


def unpack(wheel: bytes, folder: Path) -> None:
    """A wheel's modules into ``folder``; its commands and data files are left out."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for entry in archive.infolist():
            first, _, rest = entry.filename.partition("/")
            if first.endswith(".data"):
                kind, _, rest = rest.partition("/")
                if kind not in ("purelib", "platlib"):
                    continue
                entry.filename = rest
            archive.extract(entry, folder)
