"""A worker environment that the sites' users can read: what ``pip install`` would give a job.

Made of copies from the environment the tests run in, so that versions agree and nothing
is downloaded; the project's own package comes from where it is imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.rig.daemons import RigError

ROOTS = (
    *("array-api-compat", "cryptography"),
    *("dask", "distributed", "numpy", "websockets"),
)
"""The ``worker`` dependency group."""
MOST_PACKAGES = 30
PROJECT = "jupyter_continuum"
UNUSED = shutil.ignore_patterns("__pycache__", "labextension", "*.pyc")


def worker_python(*more: str) -> Path:
    """The interpreter of a worker environment, made once for this state of the code.

    ``more`` packages in it are those that `jupyter continuum prepare --with` would add.
    """
    packages = dict(sorted(closure(more)))
    if not more and len(packages) + 1 > MOST_PACKAGES:
        raise RigError(f"A worker environment of {len(packages) + 1} packages: {list(packages)}")
    base = folder("deps", *(f"{name}=={one.version}" for name, one in packages.items()))
    if not base.exists():
        _in_one_step(base, lambda path: [copy(one, path) for one in packages.values()])
    source = project()
    files = sorted(path for path in source.rglob("*") if path.suffix in (".py", ".yaml", ".json"))
    code = [f"{path}:{path.stat().st_mtime_ns}" for path in files if path.is_file()]
    environment = folder("worker", str(base), sys.version, *code)
    if not environment.exists():
        _in_one_step(environment, lambda path: build(path, base, source))
        prune(environment)
    return environment / "bin" / "python"


def prune(current: Path) -> None:
    """Remove environments of code that is no more; a run of today may still use its own."""
    kind = current.name.rpartition("-")[0]
    for old in current.parent.glob(f"{kind}-*"):
        if old != current and old.stat().st_mtime < time.time() - 86_400:
            shutil.rmtree(old, ignore_errors=True)


def project() -> Path:
    found = importlib.util.find_spec(PROJECT)
    if found is None or not found.submodule_search_locations:
        raise RigError("jupyter_continuum is not importable: pip install it first.")
    return Path(found.submodule_search_locations[0])


def closure(more: Iterable[str] = ()) -> Iterator[tuple[str, Distribution]]:
    """The packages a worker needs and all they need, with their versions here."""
    waiting, seen = [*ROOTS, *more], set[str]()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        yield name, found
        for line in found.requires or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                waiting.append(need.name)


def copy(one: Distribution, target: Path) -> None:
    """Copy a package's files, but no scripts: those lie outside."""
    for file in one.files or ():
        source = Path(str(one.locate_file(file)))
        if ".." not in file.parts and source.is_file() and "__pycache__" not in file.parts:
            path = target / file
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)


def build(path: Path, base: Path, source: Path) -> None:
    """A virtual environment with the project in it, and the packages beside it."""
    command = [interpreter(), "-m", "venv", "--without-pip", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    (site,) = path.glob("lib/python3*/site-packages")
    (site / "worker-packages.pth").write_text(f"{base}\n")
    shutil.copytree(source, site / PROJECT, ignore=UNUSED)
    try:
        installed = distribution(PROJECT)
    except PackageNotFoundError:
        raise RigError(f"{PROJECT} is not installed: pip install -e . first.") from None
    for file in installed.files or ():
        if file.parts[0].endswith(".dist-info") and file.name in ("METADATA", "entry_points.txt"):
            (site / file.parent).mkdir(exist_ok=True)
            shutil.copyfile(str(installed.locate_file(file)), site / file)
    compile_all = [str(path / "bin" / "python"), "-m", "compileall", "-q", str(site), str(base)]
    subprocess.run(compile_all, check=False, capture_output=True)


def interpreter() -> str:
    """A Python of our minor version that everybody may run; ours may lie below /root."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    ours = Path(os.path.realpath(sys.executable))
    for candidate in (ours, *(Path(f"/usr{part}/bin/python{version}") for part in ("", "/local"))):
        if candidate.exists() and readable(candidate):
            return str(candidate)
    prefix = folder("python", sys.version, sys.base_prefix)
    if not prefix.exists():
        ignored = shutil.ignore_patterns("site-packages", "test", "__pycache__")
        _in_one_step(
            prefix,
            lambda path: shutil.copytree(
                sys.base_prefix, path, symlinks=True, ignore=ignored, dirs_exist_ok=True
            ),
        )
    return str(prefix / "bin" / f"python{version}")


def readable(path: Path) -> bool:
    """Whether anybody may reach it."""
    return os.getuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in path.parents)


def folder(kind: str, *parts: str) -> Path:
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"jc-rig-{kind}-{os.getuid()}-{digest}"


def _in_one_step(path: Path, make: Callable[[Path], object]) -> None:
    """Make a folder beside and move it there: two runs at once meet no half of it.

    A virtual environment works from where it is moved to: its paths are relative to
    pyvenv.cfg, and it has no scripts.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o755)
    try:
        make(partial)
        partial.rename(path)
    except FileExistsError:
        pass  # another run was faster
    except OSError as error:
        if not path.exists():
            raise RigError(f"{path} cannot be made: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
