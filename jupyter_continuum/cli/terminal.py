"""What a terminal can do: show text and tables that came from elsewhere, and ask the person."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence

from jupyter_continuum.errors import ContinuumError

_UNSAFE = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"  # a whole ANSI sequence, or its tail would stay as litter
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)

UNKNOWN = "–"


def clean(text: str) -> str:
    """``text`` from a site without anything that moves a cursor or turns the writing round."""
    return _UNSAFE.sub("", text)


def one_line(value: object) -> str:
    """A value for a cell: unknown is shown as unknown."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(clean(str(value)).split())


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns; numbers to the right, the last column as long as it likes."""
    kept = list(rows)
    cells = [[one_line(value) for value in row] for row in kept]
    right = [
        bool(kept) and all(isinstance(row[at], int | float | None) for row in kept)
        for at in range(len(head))
    ]
    widths = [max(len(row[at]) for row in [list(head), *cells]) for at in range(len(head))]
    lines = []
    for row in [list(head), *cells]:
        parts = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


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
    question = f"{clean(text)}{f' [{default}]' if default else ''}: "
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
