"""Files fetched through a real broker, from an imitated site and this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.data.listing import above
from jupyter_continuum.broker.data.target import part_of
from jupyter_continuum.errors import AlreadyHere, ContinuumError, SiteError, Unknown
from jupyter_continuum.sites.files import checked_path, fetchable
from tests.broker.conftest import emulated
from tests.cli.commands import COMMAND, continuum, told
from tests.conftest import RunningBroker

SIZE = 40_000_000
SLOW = 64
"""Mbit/s: half a second for each piece that is asked for, and five for the file."""


@pytest.fixture(scope="module")
def far(shared_broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder at ``slow``, with a file that takes its time."""
    call_broker("connect", profile=emulated("slow", delay_ms=1, rate_mbit=SLOW))
    folder = tmp_path_factory.mktemp("far")
    with (folder / "big").open("wb") as file:
        for number in range(SIZE // 1_000_000):
            file.write(bytes([number]) * 1_000_000)
    (folder / "small").write_text("few")
    (folder / "sub").mkdir()
    (folder / "a\nb\x1b[2J").write_text("hostile")
    return folder


def parts(folder: Path) -> list[Path]:
    return list(folder.glob("*.part"))


def test_a_folder_is_listed(far: Path) -> None:
    found = {each["name"]: each for each in jc.files("slow", str(far))}
    assert (found["sub"]["kind"], found["sub"]["fetchable"]) == ("folder", False)
    assert (found["big"]["size"], found["big"]["fetchable"]) == (SIZE, True)
    assert found["a b [2J"]["fetchable"] is False
    assert (found["sub"]["opens"], found["big"]["opens"]) == (True, False)
    shown = continuum("files", "slow", str(far)).out
    assert "\x1b" not in shown
    assert shown.splitlines()[1].startswith("sub/")
    assert told("files", "local", str(far))["files"] == told("files", "slow", str(far))["files"]


def test_a_file_comes_whole_and_over_no_other(far: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    came = jc.fetch("local", f"{far}/big", tmp_path, progress=lambda *both: seen.append(both))
    assert came == tmp_path / "big"
    assert came.read_bytes() == (far / "big").read_bytes()
    assert seen[-1] == (SIZE, SIZE)
    assert sorted(seen) == seen
    (tmp_path / "small").write_text("mine")
    with pytest.raises(AlreadyHere, match=r"is there already\. --force"):
        jc.fetch("slow", f"{far}/small", tmp_path)
    assert (tmp_path / "small").read_text() == "mine"
    ran = continuum("fetch", f"slow:{far}/small", str(tmp_path), "--force")
    assert (ran.status, (tmp_path / "small").read_text()) == (0, "few"), ran.err
    assert parts(tmp_path) == []


def test_what_is_interrupted_goes_on_and_nobody_waits_for_it(far: Path, tmp_path: Path) -> None:
    fetching = subprocess.Popen(
        [*COMMAND, "fetch", f"slow:{far}/big", str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (found := parts(tmp_path)) or not found[0].stat().st_size:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert jc.files("slow", str(far))  # meanwhile
    with pytest.raises(ContinuumError, match="is being fetched already"):
        jc.fetch("slow", f"{far}/big", tmp_path)
    fetching.send_signal(signal.SIGINT)
    _, said = fetching.communicate(timeout=60)
    assert (fetching.returncode, "kept as .part" in said) == (130, True)
    (part,) = parts(tmp_path)
    kept = part.stat().st_size
    assert 0 < kept < SIZE
    assert not (tmp_path / "big").exists()
    with pytest.raises(Unknown, match="is not being fetched"):
        call_broker("stop_fetching", path=f"{far}/big", destination=str(tmp_path))
    again = call_broker("fetch", site="slow", path=f"{far}/big", destination=str(tmp_path))
    assert again["resumed"] == kept
    assert (tmp_path / "big").read_bytes() == (far / "big").read_bytes()
    assert parts(tmp_path) == []


def fetch_of(id: str, state: str) -> dict[str, Any]:
    """What is told of it once it is in ``state``."""
    deadline = time.monotonic() + 60
    while True:
        (found,) = (each for each in call_broker("fetches") if each["id"] == id)
        if found["state"] == state:
            return dict(found)
        assert found["state"] == "running", found
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_does_not_wait_is_told_how_it_goes_and_ends(far: Path, tmp_path: Path) -> None:
    wanted = {"site": "slow", "path": f"{far}/big", "destination": str(tmp_path)}
    begun = call_broker("start_fetching", **wanted)
    assert (begun["state"], begun["target"]) == ("running", str(tmp_path / "big"))
    call_broker("stop_fetching", path=begun["path"], destination=begun["target"])
    assert fetch_of(begun["id"], "stopped")["reason"] == ""
    seen: list[dict[str, Any]] = []
    with open_broker() as broker:
        broker.call("subscribe")
        small = {**wanted, "path": f"{far}/small"}
        begun = broker.call("start_fetching", on_event=seen.append, **small)
        while not (mine := [each for each in seen if each.get("id") == begun["id"]]) or (
            mine[-1]["state"] == "running"
        ):
            broker.call("version", on_event=seen.append)
    assert (mine[-1]["state"], mine[-1]["done"], mine[-1]["total"]) == ("done", 3, 3)
    with pytest.raises(AlreadyHere):
        call_broker("start_fetching", **small)
    missing = call_broker("start_fetching", **{**wanted, "path": f"{far}/nothing"})
    assert "cannot be read" in fetch_of(missing["id"], "failed")["reason"]


def test_a_part_of_another_version_is_not_taken_up(tmp_path: Path) -> None:
    old, mine = part_of(tmp_path / "x", "one"), tmp_path / "x.mine.part"
    for path in (old, mine):
        path.write_text("something")
    new = part_of(tmp_path / "x", "two")
    assert new != old
    assert parts(tmp_path) == [mine]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("sub", "it is no file"),
        ("nothing", "cannot be read"),
        ("../far/big", "goes up"),
        ("a\nb\x1b[2J", "printable"),
        ("", "Which file"),
    ],
)
def test_hostile_and_other_paths_are_refused(
    far: Path, tmp_path: Path, path: str, said: str
) -> None:
    with pytest.raises(ContinuumError, match=said):
        jc.fetch("slow", f"{far}/{path}" if path else "/", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_link_of_ours_is_not_written_through(far: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (tmp_path / "small").symlink_to(other)
    with pytest.raises(ContinuumError, match="is there already"):
        jc.fetch("slow", f"{far}/small", tmp_path)
    jc.fetch("slow", f"{far}/small", tmp_path, force=True)
    assert not other.exists()
    assert not (tmp_path / "small").is_symlink()


def test_words_that_make_no_sense_are_sentences(far: Path, tmp_path: Path) -> None:
    assert "say SITE:PATH" in continuum("fetch", "slow", str(tmp_path)).err
    assert "is no folder here" in continuum("fetch", f"slow:{far}/small", "/nowhere/x").err
    with pytest.raises(Unknown):
        jc.files("nowhere")


@pytest.mark.parametrize(
    ("path", "higher"),
    [("", None), ("/", None), (".", None), ("a", ""), ("a/b", "a"), ("/a", "/"), ("/a/b", "/a")],
)
def test_what_lies_above(path: str, higher: str | None) -> None:
    assert above(path) == higher


def test_names_that_no_file_here_can_have() -> None:
    assert fetchable("a b.nc")
    assert not any(map(fetchable, ("", ".", "..", "a/b", "a\nb", "a\u202eb")))
    assert checked_path("s", "~/a//b/") == "a/b"
    assert checked_path("s", "~") == ""
    with pytest.raises(SiteError):
        checked_path("s", "a/../b")
    assert os.path.isabs(checked_path("s", "/x"))
