"""What is asked of a site once an environment is in its place, with a shell of this machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_continuum.broker.environments.preparing import earlier, prepared_view
from jupyter_continuum.broker.messages.environments import KeptView
from jupyter_continuum.cli.prepare import report
from jupyter_continuum.environments.build import Built
from jupyter_continuum.errors import SiteError, SiteUnreachable
from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.protocols import CommandResult

OLD = "0123456789ab-89abcdef"


class Lost(ShellTransport):
    """Its line is gone."""

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        raise SiteUnreachable("here: no answer within 60 s. Try again later.")


class Huge(ShellTransport):
    """Its file system takes longer to measure than anybody waits."""

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        text = input.replace(b"du -sk", b"sleep 60; du -sk")
        slow = command.replace("du -sk", "sleep 60; du -sk")
        return await super().run(slow, input=text, timeout_seconds=min(timeout_seconds, 2))


def session(tmp_path: Path, shell: ShellTransport) -> Any:
    """As much of one as is asked."""
    profile = SimpleNamespace(work_directory=str(tmp_path))
    return SimpleNamespace(site="here", profile=profile, transport=shell)


@pytest.fixture
def built(tmp_path: Path) -> Built:
    root = tmp_path / "environments"
    for name in (OLD, "new", "data"):
        (root / name / "bin").mkdir(parents=True)
    return Built(f"{root}/new/bin/python", str(root), "new", 28, "carried")


async def test_what_a_profile_names_is_kept_and_other_folders_are_left_alone(
    tmp_path: Path, built: Built
) -> None:
    here = session(tmp_path, ShellTransport("here"))
    named = [f"{built.root}/{OLD}/bin/python"]
    (kept,) = await earlier(here, built, used=named, remove=True)
    assert (kept.used, kept.removed) == (True, False)
    (kept,) = await earlier(here, built, used=[], remove=False)
    assert (kept.used, kept.bytes) == (False, None)
    (kept,) = await earlier(here, built, used=[], remove=True)
    assert kept.removed
    assert kept.bytes
    assert sorted(path.name for path in Path(built.root).iterdir()) == ["data", "new"]


async def test_a_site_that_does_not_answer_takes_nothing_from_what_was_built(
    tmp_path: Path, built: Built
) -> None:
    here = session(tmp_path, Lost("here"))
    assert await earlier(here, built, used=[], remove=False) == []
    with pytest.raises(SiteError, match="is in its place, and earlier ones could not be removed"):
        await earlier(here, built, used=[], remove=True)


async def test_what_takes_too_long_to_measure_is_removed_and_its_size_unknown(
    tmp_path: Path, built: Built, capsys: pytest.CaptureFixture[str]
) -> None:
    here = session(tmp_path, Huge("here"))
    (kept,) = await earlier(here, built, used=[], remove=True)
    assert (kept.removed, kept.bytes) == (True, None)
    assert sorted(path.name for path in Path(built.root).iterdir()) == ["data", "new"]
    measured = KeptView(path="", bytes=3_000_000, used=False, removed=True)
    report(prepared_view(here, built, [kept, measured]).model_dump(mode="json"))
    assert "Removed 2 earlier, 3 MB and 1 of unknown size." in capsys.readouterr().out
