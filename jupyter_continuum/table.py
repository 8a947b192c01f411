"""Rows of text that came from elsewhere, as a table for a terminal or a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

UNKNOWN = "–"
"""Unknown is shown as unknown: not as zero, not as "no"."""

_UNSAFE = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"  # a whole ANSI sequence, or its tail would stay as litter
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def clean(text: str) -> str:
    """``text`` without anything that moves a cursor or turns the writing round."""
    return _UNSAFE.sub("", text)


def cell(value: object) -> str:
    """A value on one line."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(clean(str(value)).split())


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.5 h``, ``2 d``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.3g} h"
    return f"{seconds / 86400:.3g} d"


def as_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns; columns of numbers to the right, the last one as long as it likes."""
    kept = list(rows)
    lines = [list(head), *([cell(value) for value in row] for row in kept)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    right = [_numbers(row[at] for row in kept) for at in range(len(head))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def as_html(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The same for a notebook; every value is escaped, since sites are not trusted."""
    from html import escape

    def line(tag: str, values: Iterable[object]) -> str:
        cells = "".join(f"<{tag}>{escape(cell(value))}</{tag}>" for value in values)
        return f"<tr>{cells}</tr>"

    body = "".join(line("td", row) for row in rows)
    return f"<table><thead>{line('th', head)}</thead><tbody>{body}</tbody></table>"


def _numbers(column: Iterable[object]) -> bool:
    values = [value for value in column if value is not None]
    return bool(values) and all(isinstance(value, int | float) for value in values)
