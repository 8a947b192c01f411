"""The whole way, from a look at a site to an environment in its place.

Nothing is half there: it is built beside and moved, and whatever ends the way early takes
away what was begun, except where the line broke: then the next try goes on with the wheels
that have come.
"""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jupyter_continuum.environments import steps
from jupyter_continuum.environments.check import misfits, report_of
from jupyter_continuum.environments.index import Tell, collect, resolved
from jupyter_continuum.environments.lock import Lock, worker_lock
from jupyter_continuum.environments.parcels import parcels
from jupyter_continuum.environments.steps import Ground, Interpreter, Places
from jupyter_continuum.environments.target import Target, parse_target
from jupyter_continuum.environments.wheels import Wheel, own_wheel, pip_wheel
from jupyter_continuum.errors import SiteError, SiteUnreachable
from jupyter_continuum.sites.finish import finish
from jupyter_continuum.sites.interpreter import SHELL
from jupyter_continuum.sites.protocols import CommandResult, Shell
from jupyter_continuum.sites.slurm.refusals import FULL
from jupyter_continuum.sites.slurm.script import check_directory
from jupyter_continuum.sites.text import FILE

FOLDER = "environments"
STEP_SECONDS = 900.0
PIECE_SECONDS = 600.0
CLEAR_SECONDS = 60.0
"""Thousands of files, on a parallel file system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for."""

    site: str
    directory: str
    """At the site; below the home directory where it is not absolute."""
    pythons: Sequence[str]
    """Interpreters to look at, the preferred one first."""
    prologue: str = ""
    gpu: str = ""
    extra: Sequence[str] = ()
    under_home: bool = False
    node_local: str = ""
    """``/path`` or ``$NAME``: where jobs unpack a copy; "" for none."""


@dataclass(frozen=True, slots=True)
class Built:
    """An environment in its place."""

    python: str
    """What a profile names."""
    root: str
    name: str
    packages: int
    way: Literal["there already", "from the site's index", "carried"]
    carried_bytes: int = 0


async def build(shell: Shell, wanted: Wanted, tell: Tell) -> Built:
    """Build the environment that ``wanted`` describes, or find it. SiteError says why not."""
    tell("looking at what is there")
    ground = await _look(shell, wanted)
    if ground.uv and fitting(ground, Target.here()) is None:
        tell(f"asking uv for Python {Target.here().python_text}")
        brought = await _bring_python(shell, wanted, ground)
        ground = replace(ground, interpreters=(*ground.interpreters, *brought))
    base, target = choose(wanted.site, ground, Target.here())
    lock = worker_lock(target, gpu=wanted.gpu, extra=wanted.extra)
    with tempfile.TemporaryDirectory(prefix="jc-prepare-") as folder:
        site = _Site(shell, wanted, ground, base, target, Path(folder), tell)
        return await site.build(lock)


async def _look(shell: Shell, wanted: Wanted) -> Ground:
    directory = check_directory(wanted.directory)
    text = steps.look(directory, map(shlex.quote, wanted.pythons), wanted.prologue)
    result = await _run(shell, text, wanted.prologue, seconds=120)
    ground = steps.read_ground(result.stdout)
    if ground is None:
        raise SiteError(
            f"{wanted.site}: {directory} cannot be used ({steps.own_words(result.stderr)}). "
            "Name another directory: `--directory`."
        )
    if ground.is_under_home and not wanted.under_home:
        raise SiteError(
            f"{wanted.site}: {ground.directory} lies in your home directory, whose quota an "
            "environment may fill. Name one on scratch or project space with `--directory`, or "
            "say `--under-home`."
        )
    return ground


async def _bring_python(shell: Shell, wanted: Wanted, ground: Ground) -> tuple[Interpreter, ...]:
    """An interpreter that the site's uv has installed; none where it reaches no network."""
    text = steps.bring_python(ground, Target.here().python_text)
    result = await _run(shell, text, wanted.prologue, seconds=STEP_SECONDS)
    path = result.stdout.strip().rpartition("\n")[2]
    if result.status or not FILE.fullmatch(path):
        return ()
    text = steps.look(ground.directory, [path], wanted.prologue)
    found = steps.read_ground((await _run(shell, text, wanted.prologue, seconds=120)).stdout)
    return found.interpreters if found else ()


def fitting(ground: Ground, here: Target) -> tuple[Interpreter, Target] | None:
    """The first interpreter that an environment of this side can be built on."""
    for each in ground.interpreters:
        target = parse_target(each.python, each.machine, each.libc.removeprefix("glibc "))
        if each.cpython and each.venv and target is not None and target.python == here.python:
            return each, target
    return None


def choose(site: str, ground: Ground, here: Target) -> tuple[Interpreter, Target]:
    """The interpreter to build on, and what runs under it. SiteError names what is missing."""
    if ground.free_bytes is not None and ground.free_bytes < steps.USED_BYTES:
        raise SiteError(
            f"{site}: {ground.directory} has {ground.free_bytes / 1e6:.0f} MB free, and an "
            f"environment may take {steps.USED_BYTES / 1e6:.0f}. Free space, or name another "
            "directory with `--directory`."
        )
    fits = fitting(ground, here)
    if fits is not None:
        return fits
    found = [f"{each.python} at {each.path}" for each in ground.interpreters]
    there = (
        f"There {'are' if len(found) > 1 else 'is'} {', '.join(found)}" if found else "None runs"
    )
    raise SiteError(
        f"{site}: no CPython {here.python_text} with venv, for glibc on x86_64 or aarch64, was "
        f"found. {there}. Load a module that brings one in the profile's prologue, or name it: "
        f"`jupyter continuum connect {site} --python FILE`."
    )


class _Site:
    """One building at one site."""

    def __init__(
        self,
        shell: Shell,
        wanted: Wanted,
        ground: Ground,
        base: Interpreter,
        target: Target,
        folder: Path,
        tell: Tell,
    ) -> None:
        self._shell = shell
        self._wanted = wanted
        self._root = f"{ground.directory}/{FOLDER}"
        self._base = base
        self._uv = ground.uv
        self._target = target
        self._folder = folder
        self._tell = tell

    async def build(self, lock: Lock) -> Built:
        own = await asyncio.to_thread(own_wheel, self._folder)
        if lock.open:
            self._tell(f"looking for versions of {', '.join(lock.open)}")
            lock = await resolved(lock, self._target)
        places = Places(self._root, self._name(lock, own))
        try:
            there = await self._begin(places)
            if there is None:
                return self._built(places, lock, "there already")
            return await self._fill(places, lock, own, there)
        except SiteUnreachable:
            raise
        except (Exception, asyncio.CancelledError) as error:
            left = await finish(self._clear(places))
            if not left:
                raise
            stopped = isinstance(error, asyncio.CancelledError)
            why = f"{self._wanted.site}: building was stopped." if stopped else str(error)
            raise SiteError(
                f"{why} What was begun could not be removed ({left}). Try again, or remove "
                f"{places.building} and {places.wheels} by hand."
            ) from error

    def _name(self, lock: Lock, own: Wheel) -> str:
        """Of the lock, our own code, and what it was built on and for."""
        node = f"-{_digest(self._wanted.node_local)[:4]}" if self._wanted.node_local else ""
        about = f"{own.sha256} {self._base.path} {self._base.python} {self._target}"
        return f"{lock.digest}-{_digest(about)[:8]}{node}"

    async def _begin(self, places: Places) -> dict[str, int] | None:
        text = steps.begin(places, shlex.quote(self._base.path), self._wanted.prologue)
        result = await self._step(text, "an environment cannot be begun")
        return steps.read_begun(result.stdout)

    async def _fill(self, places: Places, lock: Lock, own: Wheel, there: dict[str, int]) -> Built:
        pip = await asyncio.to_thread(pip_wheel, self._folder)
        await self._write(places, "lock.txt", lock.text)
        carried = await self._carry([pip, own], there, places)
        way: Literal["from the site's index", "carried"] = "from the site's index"
        self._tell("asking the index that the login node reaches")
        if not await self._from_index(places, pip, own):
            way = "carried"
            wheels = await collect(lock, self._target, self._folder, self._tell)
            carried += await self._carry(wheels, there, places)
            await self._install(places, lock, pip, own, wheels)
        await self._check_fit(places)
        self._tell("compiling and putting it in its place")
        text = steps.finish(places, node_local=self._wanted.node_local)
        await self._step(text, "the environment could not be put in its place")
        return self._built(places, lock, way, carried)

    async def _from_index(self, places: Places, pip: Wheel, own: Wheel) -> bool:
        text = steps.from_index(places, uv=self._uv, pip=pip.path.name, wheel=own.path.name)
        result = await _run(self._shell, text, "", seconds=STEP_SECONDS)
        if result.status == 0:
            return True
        self._refuse_when_full(result, "the packages could not be installed")
        self._tell(f"no index there ({steps.own_words(result.stderr)}); wheels are carried")
        return False

    async def _check_fit(self, places: Places) -> None:
        python = f"{places.building}/bin/python"
        found = misfits(await report_of(self._shell, python, self._wanted.prologue))
        if found:
            raise SiteError(f"{self._wanted.site}: what was built does not fit: {' '.join(found)}")

    async def _carry(self, wheels: list[Wheel], there: dict[str, int], places: Places) -> int:
        """Send what is not there; the bytes that were sent."""
        sent = 0
        all_bytes = sum(
            wheel.bytes for wheel in wheels if there.get(wheel.path.name) != wheel.bytes
        )
        for parcel in parcels(wheels, there, places.wheels):
            result = await self._shell.run(
                parcel.command, input=parcel.data, timeout_seconds=PIECE_SECONDS
            )
            self._check(result, "wheels could not be written")
            sent += parcel.carried
            self._tell(f"carried {sent / 1e6:.1f} of {all_bytes / 1e6:.1f} MB")
        return sent

    async def _install(
        self, places: Places, lock: Lock, pip: Wheel, own: Wheel, wheels: list[Wheel]
    ) -> None:
        self._tell(f"installing {len(wheels) + 1} packages")
        sums = "".join(f"{each.sha256}  {each.path.name}\n" for each in (*wheels, own, pip))
        await self._write(places, "sums.txt", sums)
        await self._write(places, "lock.txt", lock.text)
        pins = "".join(f"{pin.name}=={pin.version}\n" for pin in lock.pins)
        await self._write(places, "install.txt", f"{pins}./{own.path.name}\n")
        text = steps.from_wheels(places, pip=pip.path.name)
        await self._step(text, "the packages could not be installed")

    async def _write(self, places: Places, name: str, text: str) -> None:
        result = await self._shell.run(f"cat > {places.wheels}/{name}", input=text.encode())
        self._check(result, "the lock could not be written")

    async def _step(self, text: str, failed: str) -> CommandResult:
        result = await _run(self._shell, text, self._wanted.prologue, seconds=STEP_SECONDS)
        self._check(result, failed)
        return result

    def _check(self, result: CommandResult, failed: str) -> None:
        if result.status:
            self._refuse_when_full(result, failed)
            raise SiteError(
                f"{self._wanted.site}: {failed} ({steps.own_words(result.stderr)}). "
                "Try again, or name another directory with `--directory`."
            )

    def _refuse_when_full(self, result: CommandResult, failed: str) -> None:
        if any(sign in result.stderr.lower() for sign in FULL):
            raise SiteError(
                f"{self._wanted.site}: {failed}, since {self._root} is full "
                f"({steps.own_words(result.stderr)}). Free space or quota there, or name another "
                "directory with `--directory`."
            )

    async def _clear(self, places: Places) -> str:
        """Leave nothing of it there; why that failed, "" when it did not."""
        try:
            result = await self._shell.run(steps.clear(places), timeout_seconds=CLEAR_SECONDS)
        except SiteError as error:
            return str(error).rstrip(".")
        return steps.own_words(result.stderr) if result.status else ""

    def _built(
        self,
        places: Places,
        lock: Lock,
        way: Literal["there already", "from the site's index", "carried"],
        carried: int = 0,
    ) -> Built:
        name = steps.NODE_LOCAL if self._wanted.node_local else "python"
        python = f"{places.final}/bin/{name}"
        return Built(python, self._root, places.name, len(lock.pins) + 1, way, carried)


async def _run(shell: Shell, text: str, prologue: str, *, seconds: float) -> CommandResult:
    command = SHELL if prologue.strip() else "sh -s"
    return await shell.run(command, input=text.encode(), timeout_seconds=seconds)


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()
