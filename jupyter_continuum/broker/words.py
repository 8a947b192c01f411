"""Text of a site or a worker that a person will read: nobody there may steer a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


def one_line(text: object, limit: int = 300) -> str:
    """``text`` without control characters and line ends, cut to ``limit`` signs."""
    start = str(text)[: 4 * limit]
    return " ".join("".join(s if s.isprintable() else " " for s in start).split())[:limit]


def many_lines(text: str) -> str:
    """``text`` without control characters; line ends and tabs stay."""
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")


def first_fault(error: ValidationError) -> str:
    """``ssh.user: ...``, with the value that was got, of the first thing wrong."""
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "the whole profile"
    got = "" if fault["type"] in {"missing", "extra_forbidden"} else f" (got {fault['input']!r})"
    return f"{where}: {_said(fault)}{got}. Correct it and try again."


def _said(fault: ErrorDetails) -> str:
    from jupyter_continuum.catalogue.text import SITE_ID
    from jupyter_continuum.planning.plan import NAME

    signs = {NAME: 32, SITE_ID: 40}.get(fault.get("ctx", {}).get("pattern", ""))
    if signs:
        return f"It takes lower-case letters, digits and hyphens, at most {signs}, as in span-2"
    known = {
        "extra_forbidden": "there is no such field",
        "tuple_type": "It takes a list, as in [EU, NO]",
    }
    return known.get(fault["type"], fault["msg"])
