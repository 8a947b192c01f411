"""Text of a site or a worker that a person will read: nobody there may steer a terminal."""

from __future__ import annotations


def one_line(text: object, limit: int = 300) -> str:
    """``text`` without control characters and line ends, cut to ``limit`` signs."""
    start = str(text)[: 4 * limit]
    return " ".join("".join(s if s.isprintable() else " " for s in start).split())[:limit]


def many_lines(text: str) -> str:
    """``text`` without control characters; line ends and tabs stay."""
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")
