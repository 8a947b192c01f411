"""Runs a Python program with the interpreter a job would have, and reads what it tells. Pure text.

The text goes to a shell on standard input: nothing of it is quoted by the account's own
shell, nor seen in the login node's process list.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites.protocols import CommandResult
from jupyter_continuum.sites.text import FILE, PROLOGUE, clean

MARK = "jc-answer-5d0e"
"""Begins the lines that are ours: a prologue may print, and a login shell too."""
SHELL = "/bin/bash -l -s"
"""What a job with a prologue runs under."""
NOT_EXECUTABLE, NOT_FOUND = 126, 127


@dataclass(frozen=True, slots=True)
class Told:
    """What came back. ``value`` is hostile still: any JSON."""

    outcome: Literal["told", "failed", "not found", "not run"]
    """``failed``: it ran and the program did not get to its end. ``not run``: a file that this
    processor cannot run, as where login nodes have another one than compute nodes."""
    version: str = ""
    value: Any = None
    words: str = ""
    """The site's own, on one line."""


def job_python(kind: str, python: str) -> str:
    """The interpreter of a job at a site of ``kind``.

    ``python3`` is a profile's way to say nothing: on this machine that is the interpreter of
    this process.
    """
    return sys.executable if kind in ("local", "emulated") and python == "python3" else python


def question(python: str, program: str, *, prologue: str = "") -> tuple[str, str]:
    """The command and its input. ``program`` leaves what it tells in ``answer``.

    The version is told first: ``program`` may be no text that an old interpreter can read.
    """
    if not FILE.fullmatch(python.replace(" ", "")) or python.startswith("-"):
        raise SubmitRefused(f"The interpreter {clean(python)!r} holds a shell sign. Name another.")
    if not PROLOGUE.fullmatch(prologue):
        raise SubmitRefused("The prologue holds a control character. Remove it from the profile.")
    before = f"{{ :\n{prologue.strip()}\n}} </dev/null >&2\n" if prologue.strip() else ""
    text = f"""{before}exec {shlex.quote(python)} - <<'{MARK}'
import sys
sys.stdout.write("\\n{MARK} version %d.%d.%d\\n" % sys.version_info[:3])
sys.stdout.flush()
import json
scope = {{"__name__": "jc_question"}}
exec(compile({program!r}, "question", "exec"), scope)
sys.stdout.write("\\n{MARK} answer " + json.dumps(scope["answer"]) + "\\n")
{MARK}
"""
    return (SHELL if prologue.strip() else "sh -s"), text


def read_answer(result: CommandResult) -> Told:
    version = _marked(result.stdout, "version")
    version = version if re.fullmatch(r"\d{1,3}(\.\d{1,3}){2}", version) else ""
    words = clean(" ".join(result.stderr.split()), 300) or f"status {result.status}"
    try:
        return Told("told", version, json.loads(_marked(result.stdout, "answer")))
    except (ValueError, RecursionError):
        pass  # no answer, or none that can be read: what is known without it follows
    if version:
        return Told("failed", version, words=words)
    if result.status == NOT_EXECUTABLE:
        return Told("not run", words=words)
    if result.status == NOT_FOUND:
        return Told("not found", words=words)
    return Told("failed", words=words)


def _marked(text: str, kind: str) -> str:
    """What follows the last mark of that kind."""
    found = [line for line in text.splitlines() if line.startswith(f"{MARK} {kind} ")]
    return found[-1].removeprefix(f"{MARK} {kind} ") if found else ""
