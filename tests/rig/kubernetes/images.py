"""The images of the rig: what holds a pod open, and the worker environment of this checkout."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from tests.rig.daemons import RigError
from tests.rig.kubernetes.debian import alone, cache
from tests.rig.kubernetes.oci import Image, layer
from tests.rig.kubernetes.spec import PAUSE
from tests.rig.network import command
from tests.rig.worker_environment import PROJECT, UNUSED, closure, copy, project

WORKER = Path("opt/worker")
"""Where the worker environment lies in the image."""
TOOLS = ("sh", "cat", "df", "env", "false", "hostname", "id", "ls", "mkdir", "rm", "sleep", "true")
LIBRARIES = (
    *("libgcc_s.so.1", "libstdc++.so.6"),
    *("libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1", "libutil.so.1"),
)
"""What a wheel may take for granted, whether or not Python itself needs it."""
DASK_PROGRAMS = ("scheduler", "worker")
"""The Dask operator calls ``dask-scheduler``, which distributed 2026.8 no longer installs."""
MERGED = ("bin", "lib", "lib64", "sbin")
"""Links into /usr, as Debian has them."""
ENVIRONMENT = {
    "PATH": f"/{WORKER}/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
RECIPE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
A_DAY = 86_400


def pause_image() -> Image:
    source = Path(__file__).with_name("pause.c")

    def make(root: Path) -> None:
        command("gcc", "-Os", "-static", "-s", "-o", root / "pause", source)

    with alone("images"):
        lowest = _layer("pause", source.read_text(), make)
    return Image(PAUSE, (lowest,), {}, ("/pause",), user="65535:65535")


def worker_image(*more: str) -> Image:
    """For this state of the code: the interpreter, the packages, the project.

    Everything is copied from the environment of the tests, so versions agree with the hub's
    and nothing is downloaded. ``python -m jupyter_continuum.worker`` runs in it. ``more``
    packages are a layer of their own: the others are those of the image without them.
    """
    packages = dict(sorted(closure()))
    added = {name: one for name, one in sorted(closure(more)) if name not in packages}
    with alone("images"):
        layers = (
            _layer("python", f"{sys.version} {sys.base_prefix}", _interpreter),
            _packages(packages, _add_dask_programs),
            *((_packages(added),) if added else ()),
            _layer("project", _state_of(project()), _project),
        )
    digest = hashlib.sha256("".join(path.name for path in layers).encode()).hexdigest()
    return Image(f"localhost/jc-worker:{digest[:12]}", layers, ENVIRONMENT)


def _layer(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """What ``make`` puts into a folder, as a tar file that is kept under the digest of ``key``."""
    folder = cache() / "layers"
    folder.mkdir(exist_ok=True)
    digest = hashlib.sha256(f"{RECIPE} {key}".encode()).hexdigest()
    path = folder / f"{kind}-{digest[:12]}.tar"
    if not path.exists():
        for old in folder.glob(f"{kind}-*"):
            if old.stat().st_mtime < time.time() - A_DAY:
                old.unlink()
        with tempfile.TemporaryDirectory(prefix="jc-layer-") as temporary:
            root = Path(temporary)
            make(root)
            partial = path.with_suffix(".partial")
            layer(root, partial)
            partial.rename(path)
    path.touch()
    return path


def _interpreter(root: Path) -> None:
    """Python with its library, a shell and a few tools, each where it lies on this machine."""
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "etc", "proc", "sys", "tmp", "var/tmp", "run"):
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    (root / "etc" / "passwd").write_text(
        "root:x:0:0:root:/tmp:/bin/sh\nworker:x:1000:1000:worker:/tmp:/bin/sh\n"
    )
    (root / "etc" / "group").write_text("root:x:0:\nworker:x:1000:\n")
    (root / "etc" / "nsswitch.conf").write_text("hosts: files dns\n")
    python, library = Path(os.path.realpath(sys.executable)), Path(sysconfig.get_path("stdlib"))
    unused = shutil.ignore_patterns(
        *("__pycache__", "config-*", "dist-packages", "site-packages"),
        *("_tkinter*", "ensurepip", "idlelib", "lib2to3", "test", "tkinter", "turtledemo"),
    )
    inside = root / library.relative_to("/")
    shutil.copytree(library, inside, symlinks=True, ignore=unused)
    _compile(inside)
    tools = [Path(shutil.which(tool) or "") for tool in TOOLS]
    for program in (python, *tools):
        _copy_program(program, root)
    for file in _libraries([python, *tools, *inside.rglob("*.so")]):
        _copy_program(file, root)
    environment = root / WORKER / "bin"
    environment.mkdir(parents=True)
    for name in ("python", "python3", python.name):
        (environment / name).symlink_to(python)
    (root / WORKER / "pyvenv.cfg").write_text(f"home = {python.parent}\n")


def _packages(packages: dict[str, Distribution], *then: Callable[[Path], None]) -> Path:
    versions = (f"{name}=={one.version}" for name, one in packages.items())

    def make(root: Path) -> None:
        _compiled(root, *packages.values())
        for each in then:
            each(root)

    return _layer("packages", f"{sys.version} {' '.join(versions)}", make)


def _compiled(root: Path, *packages: Distribution) -> None:
    site = _site(root)
    for one in packages:
        copy(one, site)
    for tests in sorted(site.rglob("tests")):
        if tests.is_dir():
            shutil.rmtree(tests)  # a fifth of the image
    _compile(site)


def _add_dask_programs(root: Path) -> None:
    for word in DASK_PROGRAMS:
        program = root / WORKER / "bin" / f"dask-{word}"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec /{WORKER}/bin/python -m dask {word} "$@"\n')
        program.chmod(0o755)


def _project(root: Path) -> None:
    site = _site(root)
    shutil.copytree(project(), site / PROJECT, ignore=UNUSED)
    installed = distribution(PROJECT)
    for file in installed.files or ():
        if file.parts[0].endswith(".dist-info") and file.name in ("METADATA", "entry_points.txt"):
            (site / file.parent).mkdir(exist_ok=True)
            shutil.copyfile(str(installed.locate_file(file)), site / file)
    _compile(site)


def _site(root: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = root / WORKER / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    return site


def _state_of(source: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        if path.suffix in (".py", ".yaml", ".json") and "labextension" not in path.parts:
            digest.update(str(path.relative_to(source)).encode() + path.read_bytes())
    return digest.hexdigest()


def _compile(folder: Path) -> None:
    """Byte code that is not compared with its source: times are lost in a layer."""
    argv = [sys.executable, "-m", "compileall", "-q", "-s", str(folder)]
    subprocess.run(
        [*argv, "--invalidation-mode", "unchecked-hash", str(folder)],
        check=False,  # packages hold files that are not of this Python's syntax
        capture_output=True,
    )


def _libraries(programs: Iterable[Path]) -> Iterator[Path]:
    """The shared libraries they need, by the paths they are found at."""
    needed = set[str]()
    for program in programs:
        told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        needed |= set(re.findall(r"(/\S+) \(0x", told))
    told = command("/sbin/ldconfig", "-p")
    for name in LIBRARIES:
        found = re.search(rf"^\s*{re.escape(name)} \(.*x86-64.*\) => (\S+)", told, re.M)
        if found is None:
            raise RigError(f"{name} is not on this machine: apt-get install gcc.")
        needed.add(found[1])
    yield from map(Path, sorted(needed))


def _copy_program(file: Path, root: Path) -> None:
    parts = file.parts[1:]
    target = root.joinpath(*(("usr", *parts) if parts[0] in MERGED else parts))
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy(file, target)
