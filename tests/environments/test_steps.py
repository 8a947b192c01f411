"""What a site answers to each step; the copy on a node's own disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from jupyter_continuum.environments.build import choose
from jupyter_continuum.environments.steps import (
    MARK,
    NAME,
    Ground,
    Interpreter,
    Kept,
    Places,
    listing,
    look,
    prune,
    read_begun,
    read_ground,
    read_listing,
    read_size,
    size,
    wrapper,
)
from jupyter_continuum.environments.target import Target
from jupyter_continuum.errors import SiteError

ENVIRONMENT = "0123456789ab-89abcdef"
VERSION = ".".join(map(str, sys.version_info[:3]))


def python(**changes: object) -> Interpreter:
    about = {"python": VERSION, "path": "/usr/bin/python3", "machine": "x86_64"}
    told = about | {"libc": "glibc 2.31", "cpython": True, "venv": True} | changes
    return Interpreter(**told)  # type: ignore[arg-type]


def ground(*interpreters: Interpreter, free: int | None = None) -> Ground:
    return Ground("/scratch/ada", "/home/ada", free, "", interpreters)


def test_this_machine_is_read(tmp_path: Path) -> None:
    text = look(str(tmp_path / "new"), ["/nowhere/python", sys.executable], "echo loaded")
    done = subprocess.run(["bash", "-s"], input=text, capture_output=True, text=True, check=True)
    found = read_ground(done.stdout)
    assert found is not None
    assert found.directory == os.path.realpath(tmp_path / "new")
    assert [each.python for each in found.interpreters] == [VERSION]
    assert found.free_bytes is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{MARK} directory /scratch/ada\n",
        f"{MARK} directory /scratch/$(reboot)\n{MARK} end 0\n",
        f"{MARK} end 0\n",
    ],
)
def test_half_an_answer_is_none(text: str) -> None:
    assert read_ground(text) is None


def test_hostile_interpreters_are_left_out() -> None:
    odd = [
        json.dumps({"python": "3.11.1"}),
        "[" * 5000,
        json.dumps(dict.fromkeys(("python", "machine", "libc", "cpython", "venv"), "x")),
        json.dumps({"path": "/bin/sh -c reboot", **dict.fromkeys(("python", "machine"), "x")}),
    ]
    lines = [f"{MARK} python {each}" for each in odd]
    text = "\n".join([f"{MARK} directory /scratch", *lines, f"{MARK} end 0"])
    found = read_ground(text)
    assert found is not None
    assert found.interpreters == ()
    assert read_begun(f"{MARK} file x y\n{MARK} file 12 a.whl\n") == {"a.whl": 12}
    listed = f"{MARK} kept $(reboot) \n{MARK} kept data\n{MARK} kept {ENVIRONMENT} used\n"
    assert read_listing(listed) == [Kept(ENVIRONMENT, True)]
    assert read_size("12\t/scratch/x\n") == 12 * 1024
    assert [read_size(odd) for odd in ("", "du: /scratch/x: lost\n", "1" * 18 + "\tx")] == [
        None
    ] * 3


def run(text: str) -> str:
    command = ["sh", "-s"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout


def test_only_environments_of_ours_are_listed_and_removed(tmp_path: Path) -> None:
    """Beside them lie conda's, a checkout, and what another machine is building."""
    other = ENVIRONMENT.replace("0", "1")
    theirs = (
        "data",
        "py311",
        "0123456789ab",
        f"{ENVIRONMENT}-backup",
        ".building-data",
        ".wheels-x",
    )
    under_way = (f".building-{ENVIRONMENT}", f".wheels-{ENVIRONMENT}")
    abandoned = (f".building-{other}", f".wheels-{other}-0a1b")
    for name in (ENVIRONMENT, other, *theirs, *under_way, *abandoned):
        (tmp_path / name / "bin").mkdir(parents=True)
    (tmp_path / "0123456789ab-89abcdef-0001").symlink_to(tmp_path / "data")
    for name in (*abandoned, ".building-data", ".wheels-x"):
        os.utime(tmp_path / name, (0, 0))
    job = tmp_path / "jobs" / "jc-main-1"
    job.mkdir(parents=True)
    (job / "job.sh").write_text(f"exec {tmp_path}/{other}/bin/python -m x\n")
    found = read_listing(run(listing(str(tmp_path), str(tmp_path / "jobs"))))
    assert [(each.name, each.used) for each in found] == [(ENVIRONMENT, False), (other, True)]
    assert read_size(run(size(str(tmp_path), ENVIRONMENT)))
    run(prune(str(tmp_path), [ENVIRONMENT, "data"]))
    left = {path.name for path in tmp_path.iterdir()} - {"jobs", "0123456789ab-89abcdef-0001"}
    assert left == {other, *theirs, *under_way}


def test_the_first_interpreter_that_fits_is_taken() -> None:
    old = python(python="3.6.8", path="/usr/libexec/python3")
    assert choose("lumi", ground(old, python()), Target.here())[0] == python()


@pytest.mark.parametrize(
    "unfit",
    [
        {"python": "2.7.5"},
        {"machine": "ppc64le"},
        {"libc": ""},
        {"cpython": False},
        {"venv": False},
    ],
)
def test_without_one_the_sentence_says_which_is_needed_and_what_is_there(
    unfit: dict[str, object],
) -> None:
    with pytest.raises(SiteError, match=rf"no CPython 3\.\d+ .*{python(**unfit).python} at /usr"):
        choose("lumi", ground(python(**unfit)), Target.here())
    with pytest.raises(SiteError, match="None runs"):
        choose("lumi", ground(), Target.here())


def test_too_little_room_is_a_sentence() -> None:
    with pytest.raises(SiteError, match="has 12 MB free"):
        choose("lumi", ground(python(), free=12_000_000), Target.here())


@pytest.fixture
def packed(tmp_path: Path) -> tuple[Path, Path]:
    """An environment whose interpreter tells where it lies, and a node's own disk."""
    final = tmp_path / "abc"
    (final / "bin").mkdir(parents=True)
    fake = final / "bin" / "python"
    fake.write_text('#!/bin/sh\n[ -z "$1" ] || sleep "$1"; echo "$0"\n')
    fake.chmod(0o755)
    with tarfile.open(final / NAME, "w") as archive:
        archive.add(final / "bin", "bin")
    script = tmp_path / "node-python"
    disk = tmp_path / "disk"
    disk.mkdir()
    script.write_text(wrapper(Places(str(tmp_path), "abc"), "$DISK"))
    return script, disk


def start(script: Path, disk: Path, *words: str, job: str = "7") -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "DISK": str(disk), "SLURM_JOB_ID": job}
    return subprocess.Popen(
        ["sh", str(script), *words], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_agents_of_a_node_share_one_copy(packed: tuple[Path, Path]) -> None:
    script, disk = packed
    copy = disk / f"jc-environment-{os.getuid()}" / "abc"
    agents = [start(script, disk, "0.2") for _ in range(5)]
    assert {agent.communicate(timeout=20)[0].strip() for agent in agents} == {f"{copy}/bin/python"}
    assert sorted(path.name for path in copy.parent.iterdir()) == ["abc", "abc.lock", "abc.unpack"]


def test_outside_a_job_and_without_room_the_shared_one_is_used(packed: tuple[Path, Path]) -> None:
    script, disk = packed
    shared = f"{script.parent}/abc/bin/python\n"
    assert start(script, disk, job="").communicate(timeout=20)[0] == shared
    assert list(disk.iterdir()) == []
    assert start(script, disk / "gone").communicate(timeout=20)[0] == shared
    (script.parent / "abc" / NAME).write_bytes(b"no archive")
    assert start(script, disk).communicate(timeout=20)[0] == shared


def test_a_folder_of_somebody_else_is_not_trusted(packed: tuple[Path, Path]) -> None:
    script, disk = packed
    theirs = disk / "theirs"
    (theirs / "abc" / "bin").mkdir(parents=True)
    (disk / f"jc-environment-{os.getuid()}").symlink_to(theirs)
    assert start(script, disk).communicate(timeout=20)[0].startswith(f"{script.parent}/abc/")
