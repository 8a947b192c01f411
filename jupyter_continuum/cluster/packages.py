"""More packages on a running cluster: wheels that were sent, unpacked into a worker's scratch.

They lie behind the environment on `sys.path`: nothing that it has is replaced.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import logging
import platform
import shutil
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from distributed.diagnostics.plugin import WorkerPlugin
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jupyter_continuum.cluster.prints import TOPIC

Machine = tuple[str, str, str]
"""CPython's version as wheels name it ("3.11"), processor and C library of a worker."""
FOLDER = "packages"

logger = logging.getLogger(__name__)


def machine() -> Machine:
    """Of this process."""
    libc, number = platform.libc_ver()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return python, platform.machine(), f"{libc} {number}".strip()


def survey() -> tuple[Machine, dict[str, str]]:
    """This worker's machine, and the versions of what it can import."""
    found = {each.metadata["Name"]: each.version for each in distributions()}
    return machine(), {canonicalize_name(name): number for name, number in found.items() if name}


def choose(sent: Iterable[Machine], here: Machine) -> Machine | None:
    """Whose wheels run here, the most alike: those for an older C library do too."""
    libc, version = _libc(here)
    fit = [
        each
        for each in sent
        if each[:2] == here[:2] and _libc(each)[0] == libc and _libc(each)[1] <= version
    ]
    return max(fit, key=_libc, default=None)


def _libc(machine: Machine) -> tuple[str, list[int]]:
    name, _, number = machine[2].partition(" ")
    return name, [int(part) for part in number.split(".") if part.isdecimal()]


class WorkerPackages(WorkerPlugin):
    """Wheels for every machine of the cluster; each worker takes those that run on it."""

    def __init__(self, names: Iterable[str], wheels: Mapping[Machine, Sequence[bytes]]) -> None:
        """``names`` were asked for; asking for them again replaces what was sent."""
        self._names = ", ".join(sorted(names))
        self.name = f"continuum-packages-{_digest(self._names.encode())}"
        self._wheels = dict(wheels)

    def setup(self, worker: Any) -> None:
        chosen = choose(self._wheels, here := machine())
        if chosen is None:
            sent = "; ".join(map(_words, self._wheels))
            why = f"wheels were sent for {sent}, and this is {_words(here)}"
            raise RuntimeError(self._tell(worker, why))
        wheels = self._wheels[chosen]
        folder = Path(worker.local_directory) / FOLDER / _folder(wheels)
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
        if missing := lacking(folder):
            self._tell(worker, f"its environment has no {', '.join(missing)}, as others have")

    def _tell(self, worker: Any, why: str) -> str:
        """In the job's log, and in notebooks: whoever asked is not waiting any more."""
        text = f"{self._names} cannot be used here: {why}. Call cluster.install again."
        worker.log_event(TOPIC, {"worker": worker.address, "key": "", "lines": text})
        logger.warning(text)
        return text


def lacking(folder: Path) -> list[str]:
    """What the packages in ``folder`` need and this process cannot import."""
    have = set(survey()[1])
    needed = {
        canonicalize_name(each.name)
        for found in distributions(path=[str(folder)])
        for each in map(Requirement, found.requires or ())
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }
    return sorted(needed - have)


def _words(machine: Machine) -> str:
    python, processor, libc = machine
    return f"Python {python} on {processor} with {libc or 'no glibc'}"


def _folder(wheels: Iterable[bytes]) -> str:
    return f"continuum-packages-{_digest(b''.join(sorted(map(_sum, wheels))))}"


def _sum(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


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
