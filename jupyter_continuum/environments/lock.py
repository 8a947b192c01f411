"""Exact versions of the worker's packages, as they are installed here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jupyter_continuum.environments.target import Target
from jupyter_continuum.errors import ContinuumError

OURS = "jupyter-continuum"
ROOTS = ("cryptography", "dask", "distributed", "numpy", "websockets")
ANALYSIS = ("array-api-compat",)
"""With `ROOTS` the ``worker`` dependency group of ``pyproject.toml``; ours comes without its
dependencies. That of analyses goes along where it is installed here: without them here
nobody can ask a worker for one, and the lock stays closed."""
GPU = {
    "cuda12": ("cupy-cuda12x", "nvidia-ml-py"),
    "cuda13": ("cupy-cuda13x", "nvidia-ml-py"),
    "rocm": ("cupy-rocm-7-0",),
}
"""CuPy by what the GPUs of a site need, and what tells how busy they are. AMD's driver tells
that itself; for AMD there are x86_64 wheels alone."""


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """One package in one version."""

    name: str
    version: str
    sha256: str = ""
    """Of its wheel at the index; "" where none was seen."""

    def line(self) -> str:
        return f"{self.name}=={self.version}" + (
            f" --hash=sha256:{self.sha256}" if self.sha256 else ""
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """What an environment holds, ours left out: that comes as a wheel."""

    pins: tuple[Pin, ...]
    open: tuple[str, ...] = ()
    """Requirements that are not installed here: an index decides their version once."""

    @property
    def text(self) -> str:
        """As pip and uv read it. With a hash on one line, they want one on all."""
        known = all(pin.sha256 for pin in self.pins)
        pins = self.pins if known else [replace(pin, sha256="") for pin in self.pins]
        return "".join(f"{line}\n" for line in (*(pin.line() for pin in pins), *self.open))

    @property
    def digest(self) -> str:
        """Short name of this lock; the same for the same versions, hashes or not."""
        lines = [f"{pin.name}=={pin.version}" for pin in self.pins]
        return hashlib.sha256("\n".join([*lines, *self.open]).encode()).hexdigest()[:12]

    def closed(self, found: Iterable[Pin]) -> Lock:
        """With the versions that were found for what was open."""
        return Lock(tuple(sorted({*self.pins, *found})))


def worker_lock(target: Target, *, gpu: str = "", extra: Sequence[str] = ()) -> Lock:
    """The worker's packages and what they need, for ``target``. ContinuumError names what is wrong.

    ``extra`` are requirements of the person; those that are not installed here stay open.
    """
    if gpu == "rocm" and target.machine != "x86_64":
        raise ContinuumError(f"CuPy has no wheel for ROCm on {target.machine}. Leave --gpu out.")
    analysis = [name for name in ANALYSIS if installed(Requirement(name))]
    device = GPU[gpu] if gpu else ()
    asked = [parse_requirement(text) for text in (*ROOTS, *analysis, *device, *extra)]
    return lock_of(asked, target)


def parse_requirement(text: str) -> Requirement:
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        raise ContinuumError(
            f"{text!r} is not a package ({str(error).splitlines()[0]}). "
            "Write NAME, NAME==VERSION or NAME[EXTRA]."
        ) from error
    if found.url:
        raise ContinuumError(f"{text!r} names a place. Write a package of an index, or NAME.")
    return found


def lock_of(asked: Iterable[Requirement], target: Target) -> Lock:
    pins: dict[str, Pin] = {}
    open_: dict[str, str] = {}
    """Name of each requirement that is not installed here."""
    waiting = list(asked)
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop(0)
        name = canonicalize_name(wanted.name)
        key = (name, frozenset(wanted.extras))
        found = installed(wanted)
        if found is None:
            open_[_plain(wanted)] = name
            continue
        if key in seen:
            continue
        seen.add(key)
        pins[name] = Pin(name, found.version)
        waiting += needs(found, wanted.extras, target)
    still_open = (text for text, name in sorted(open_.items()) if name not in pins)
    return Lock(tuple(sorted(pins.values())), tuple(still_open))


def installed(wanted: Requirement) -> Distribution | None:
    """What is installed here of it, when its version is one of those that are wanted."""
    try:
        found = distribution(wanted.name)
    except PackageNotFoundError:
        return None
    return found if wanted.specifier.contains(found.version, prereleases=True) else None


def needs(found: Distribution, extras: Iterable[str], target: Target) -> list[Requirement]:
    """What ``found`` needs at ``target``."""
    about = {"platform_machine": target.machine, "python_version": target.python_text}
    requirements = map(Requirement, found.requires or ())
    return [
        each
        for each in requirements
        if each.marker is None
        or any(each.marker.evaluate({**about, "extra": extra}) for extra in ("", *extras))
    ]


def _plain(wanted: Requirement) -> str:
    """Without its marker, which was true."""
    extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
    return f"{wanted.name}{extras}{wanted.specifier}"
