"""Asking an interpreter at a site what it is and has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites.interpreter import MARK, Told, question, read_answer
from jupyter_continuum.sites.protocols import CommandResult

PROGRAM = "import os\nanswer = {'here': os.environ.get('LOADED')}\n"


def told(python: str, program: str = PROGRAM, prologue: str = "") -> Told:
    command, text = question(python, program, prologue=prologue)
    done = subprocess.run(
        ["/bin/sh", "-c", command], input=text, capture_output=True, text=True, check=False
    )
    return read_answer(CommandResult(done.returncode, done.stdout, done.stderr))


def test_a_program_tells_its_answer_with_the_version() -> None:
    answer = told(sys.executable)
    assert (answer.outcome, answer.value) == ("told", {"here": None})
    assert answer.version == ".".join(map(str, sys.version_info[:3]))


def test_the_prologue_goes_first_and_may_print_and_read() -> None:
    loading = f"export LOADED=cuda\necho '{MARK} answer 7'\ncat\n"
    assert told(sys.executable, prologue=loading).value == {"here": "cuda"}


@pytest.mark.parametrize(
    "program",
    ["import nothing_of_that_name", "this is no Python", "answer = object()", "answr = 1"],
)
def test_a_program_that_fails_leaves_the_version(program: str) -> None:
    answer = told(sys.executable, program)
    assert answer.outcome == "failed"
    assert answer.version.startswith("3.")
    assert answer.words


def test_an_interpreter_that_is_not_there_is_told_from_one_of_another_processor(
    tmp_path: Path,
) -> None:
    assert told("/nowhere/python").outcome == "not found"
    foreign = tmp_path / "python"
    foreign.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(64))
    foreign.chmod(0o755)
    assert told(str(foreign)).outcome == "not run"


@pytest.mark.parametrize("python", ["python3; reboot", "$(reboot)", "-c", "py\nthon"])
def test_no_shell_sign_is_sent(python: str) -> None:
    with pytest.raises(SubmitRefused):
        question(python, PROGRAM)


@pytest.mark.parametrize(
    "text", ["", f"{MARK} answer {{", f"{MARK} version 3.1\n{MARK} version \x1b[2J", "[" * 9999]
)
def test_nonsense_is_no_answer(text: str) -> None:
    answer = read_answer(CommandResult(0, text, ""))
    assert (answer.outcome, answer.version, answer.value) == ("failed", "", None)
