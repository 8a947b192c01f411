"""What pip's index has: versions for what is not installed here, and wheels for another machine.

With pip's own settings, so that an index, a proxy or a folder that the person has configured
for it is used.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from jupyter_continuum.environments.lock import Lock, Pin
from jupyter_continuum.environments.target import Target
from jupyter_continuum.environments.wheels import Wheel, bundled_pip, repack
from jupyter_continuum.errors import ContinuumError

Tell = Callable[[str], None]


async def resolved(lock: Lock, target: Target) -> Lock:
    """The lock with versions for what was open in it. ContinuumError when the index has none."""
    if not lock.open:
        return lock
    with tempfile.TemporaryDirectory(prefix="jc-resolve-") as folder:
        report = Path(folder) / "report.json"
        await _pip(
            [
                *("install", "--dry-run", "--ignore-installed", "--report", str(report)),
                *("--target", f"{folder}/nowhere", *_for(target)),
                *("--constraint", _constraints(lock, folder)),
                *lock.open,
            ],
            what=", ".join(lock.open),
        )
        found = json.loads(report.read_bytes())["install"]
    pinned = {pin.name for pin in lock.pins}
    pins = [
        Pin(
            canonicalize_name(each["metadata"]["name"]),
            each["metadata"]["version"],
            each["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256", ""),
        )
        for each in found
    ]
    return lock.closed(pin for pin in pins if pin.name not in pinned)


async def collect(lock: Lock, target: Target, folder: Path, tell: Tell) -> list[Wheel]:
    """A wheel for every pin. ContinuumError says which cannot be had."""
    wheels, missing = [], []
    for pin in lock.pins:
        made = await asyncio.to_thread(repack, pin.name, target, folder)
        if made is not None and made.version == pin.version:
            wheels.append(made)
        else:
            missing.append(f"{pin.name}=={pin.version}")
    if missing:
        tell(f"fetching {', '.join(missing)} for {target.machine}")
        wheels += await fetch(missing, target, folder)
    return sorted(wheels, key=lambda wheel: wheel.name)


async def fetch(pins: Sequence[str], target: Target, folder: Path) -> list[Wheel]:
    """Download these, and nothing that they need."""
    with tempfile.TemporaryDirectory(prefix="jc-wheels-") as fresh:
        words = ["download", "--dest", fresh, "--progress-bar=off", "--no-deps", *_for(target)]
        await _pip([*words, *pins], what=", ".join(pins))
        files = sorted(Path(fresh).glob("*.whl"))
        # Not renamed: the two folders may lie on different disks.
        for path in files:
            (folder / path.name).write_bytes(path.read_bytes())
    return [Wheel.at(folder / path.name) for path in files]


def _for(target: Target) -> list[str]:
    return [
        *("--only-binary=:all:", "--implementation", "cp", "--python-version", target.python_text),
        *(word for each in target.platforms for word in ("--platform", each)),
    ]


def _constraints(lock: Lock, folder: str) -> str:
    path = Path(folder) / "constraints.txt"
    path.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in lock.pins))
    return str(path)


async def _pip(words: list[str], *, what: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *pip_command(),
        *("--disable-pip-version-check", "--no-input"),
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if process.returncode:
        said = [line for line in errors.decode(errors="replace").splitlines() if "ERROR" in line]
        why = said[-1].removeprefix("ERROR: ").strip() if said else f"status {process.returncode}"
        raise ContinuumError(
            f"No wheel of {what} could be had here ({why[:300]}). Check the name and the version, "
            "and that pip reaches its index."
        )


def pip_command() -> list[str]:
    """pip, also where it is not installed. ContinuumError where there is none at all."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    return [sys.executable, os.fspath(bundled_pip() / "pip")]
