"""What a terminal can do: show text that came from elsewhere, and ask the person."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.table import clean


def say(text: str) -> None:
    """A line for the person, on standard output and at once."""
    print(clean(text), flush=True)


def note(text: str) -> None:
    """A line beside the result, on standard error."""
    print(clean(text), file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """ASCII only, so that nothing from a site reaches the terminal as it is."""
    import json

    print(json.dumps(value, indent=2), flush=True)


def interactive() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def ask(text: str, *, default: str = "", secret: bool = False) -> str:
    """What the person types. ContinuumError when there is nobody to ask."""
    if not interactive():
        raise ContinuumError(
            f"{text.rstrip(':? ')}: there is no terminal to ask at. Give it as an option; "
            "`jupyter continuum connect --help` lists them."
        )
    shown = clean(text).rstrip()
    end = " " if shown.endswith(("?", ":", ")")) and not default else ": "
    question = f"{shown}{f' [{default}]' if default else ''}{end}"
    try:
        if secret:
            import getpass

            return getpass.getpass(question)
        return input(question).strip() or default
    except EOFError as error:
        raise KeyboardInterrupt from error


def confirm(text: str, *, default: bool) -> bool:
    answer = ask(f"{text} ({'Y/n' if default else 'y/N'})").lower()
    return answer in {"y", "yes"} if answer else default


def choose(text: str, choices: Sequence[str], *, default: int = 0) -> int:
    """The number, from 0, of the choice that the person made."""
    for number, choice in enumerate(choices, 1):
        say(f"  {number:>3}  {choice}")
    while True:
        answer = ask(text, default=str(default + 1))
        if answer.isdecimal() and 1 <= int(answer) <= len(choices):
            return int(answer) - 1
        matching = [at for at, choice in enumerate(choices) if choice.split()[0] == answer]
        if len(matching) == 1:
            return matching[0]
        say(f"A number from 1 to {len(choices)}, please.")
