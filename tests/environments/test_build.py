"""Building, with a shell of this machine: where it ends early, and what is left then."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from jupyter_continuum.environments import build as building
from jupyter_continuum.environments import steps
from jupyter_continuum.environments.build import Built, Wanted, build
from jupyter_continuum.errors import SiteError
from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.protocols import CommandResult


class Full(ShellTransport):
    """A disk that fills up while wheels are carried."""

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        if "tar -xo" in command:
            return CommandResult(2, "", "tar: a.whl: Wrote only 4096 of 10240 bytes\n"
                                 "tar: No space left on device\n")  # fmt: skip
        return await super().run(command, input=input, timeout_seconds=timeout_seconds)


class Bare(ShellTransport):
    """An interpreter that makes no environments after all."""

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        text = input.replace(b" -m venv ", b" -m jct_no_venv ")
        return await super().run(command, input=text, timeout_seconds=timeout_seconds)


class Busy(ShellTransport):
    """A disk that lets nothing be removed."""

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        if command.startswith("rm -rf"):
            return CommandResult(1, "", "rm: cannot remove 'x': Device or resource busy\n")
        return await super().run(command, input=input, timeout_seconds=timeout_seconds)


class Watched(ShellTransport):
    """Says when it is asked to remove something."""

    def __init__(self, site: str) -> None:
        super().__init__(site)
        self.clearing = asyncio.Event()

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        if command.startswith("rm -rf"):
            self.clearing.set()
        return await super().run(command, input=input, timeout_seconds=timeout_seconds)


def wanted(tmp_path: Path, **changes: object) -> Wanted:
    values = {"site": "here", "directory": str(tmp_path / "work"), "pythons": [sys.executable]}
    return Wanted(**(values | changes))  # type: ignore[arg-type]


async def test_a_disk_that_fills_up_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"is full .*No space left.*--directory"):
        await build(Full("here"), wanted(tmp_path), lambda _: None)
    assert list((tmp_path / "work" / "environments").iterdir()) == []


async def begun(shell: ShellTransport, tmp_path: Path) -> asyncio.Task[Built]:
    """A building that has something at the site."""
    carried = asyncio.Event()

    def tell(text: str) -> None:
        if text.startswith("carried"):
            carried.set()

    task = asyncio.create_task(build(shell, wanted(tmp_path), tell))
    await asyncio.wait_for(carried.wait(), 60)
    return task


async def test_what_is_stopped_twice_is_cleared_up_all_the_same(tmp_path: Path) -> None:
    shell = Watched("here")
    task = await begun(shell, tmp_path)
    task.cancel()
    await asyncio.wait_for(shell.clearing.wait(), 60)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert list((tmp_path / "work" / "environments").iterdir()) == []


async def test_what_is_stopped_and_cannot_be_removed_is_a_sentence(tmp_path: Path) -> None:
    task = await begun(Busy("here"), tmp_path)
    task.cancel()
    with pytest.raises(SiteError, match=r"stopped\. .*could not be removed \(.*busy\).* by hand"):
        await task


async def test_an_environment_that_cannot_be_begun_leaves_nothing(tmp_path: Path) -> None:
    """Its folders are made before the interpreter fails."""
    with pytest.raises(SiteError, match="cannot be begun"):
        await build(Bare("here"), wanted(tmp_path), lambda _: None)
    assert list((tmp_path / "work" / "environments").iterdir()) == []


async def test_a_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="cannot be used"):
        await build(ShellTransport("here"), wanted(tmp_path, directory="/proc/x"), lambda _: None)


async def test_uv_brings_the_python_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script in uv's place, as the real one would reach out for an interpreter."""
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        "#!/bin/sh\n"
        f'[ "$2" = install ] && {{ mkdir -p "$UV_PYTHON_INSTALL_DIR" && '
        f'ln -s {Path(sys.executable).resolve()} "$UV_PYTHON_INSTALL_DIR/python"; exit; }}\n'
        'echo "$UV_PYTHON_INSTALL_DIR/python"\n'
    )
    uv.chmod(0o755)
    old = shutil.which("sh")
    monkeypatch.setenv("PATH", f"{uv.parent}:/usr/bin:/bin")
    asked = wanted(tmp_path, pythons=[old])
    shell = ShellTransport("here")
    ground = await building._look(shell, asked)
    assert (ground.uv, ground.interpreters) == (str(uv), ())
    (brought,) = await building._bring_python(shell, asked, ground)
    assert brought.python == ".".join(map(str, sys.version_info[:3]))
    assert (tmp_path / "work" / "pythons" / "python").exists()
    uv.write_text("#!/bin/sh\nexit 1\n")
    assert await building._bring_python(shell, asked, ground) == ()


def test_a_step_is_told_in_its_own_last_words() -> None:
    assert steps.own_words("a\nERROR: no such thing\nhint\n") == "ERROR: no such thing"
    assert steps.own_words("") == "it gave no reason"
