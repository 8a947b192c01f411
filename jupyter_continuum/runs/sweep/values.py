"""What a person writes for one parameter, and the runs that all of them make."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.parameters import Parameters, value_of

MOST_RUNS = 100_000
Axes = dict[str, list[Any]]
"""Values of each swept parameter, as JSON has them; the last one varies fastest."""
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?")
_CLOSING = {"[": "]", "{": "}"}


def axes_of(given: Iterable[tuple[str, str]]) -> Axes:
    """``("alpha", "0.1,0.2")`` and so on. RunError for what makes no list of values."""
    axes: Axes = {}
    for name, text in given:
        if name in axes:
            raise RunError(f"-p {name} is given twice. Say it once, as in -p {name} 1,2.")
        axes[name] = values_of(name, text)
    if not axes:
        raise RunError(
            "A sweep needs parameters, as in -p seed 1:100. "
            "`jupyter continuum run NOTEBOOK` runs a notebook once."
        )
    number = math.prod(len(values) for values in axes.values())
    if number > MOST_RUNS:
        sizes = " x ".join(str(len(values)) for values in axes.values())
        raise RunError(
            f"These parameters make {number:,} runs ({sizes}); a sweep has {MOST_RUNS:,} at most. "
            "Take fewer values, or several sweeps."
        )
    return axes


def values_of(name: str, text: str) -> list[Any]:
    """``0.1,0.2`` is two values, ``1:100`` a hundred; a comma in quotes or brackets is none."""
    values: list[Any] = []
    pieces = _pieces(text)
    for piece in pieces:
        if found := _RANGE.fullmatch(piece):
            values += _range(name, piece, *found.groups())
        elif not piece and len(pieces) > 1:
            raise RunError(
                f"-p {name} {text}: a value is missing beside a comma. "
                "Quote a comma that is meant: '\"a,b\"'."
            )
        else:
            values.append(value_of(piece))
        if len(values) > MOST_RUNS:
            raise RunError(f"-p {name} {text}: these are more than {MOST_RUNS:,} values.")
    seen: set[str] = set()
    for value in values:
        if (key := json.dumps(value, sort_keys=True)) in seen:
            raise RunError(f"-p {name} {text}: the value {key} is there twice.")
        seen.add(key)
    return values


def combinations(axes: Axes, fixed: Parameters) -> Iterator[Parameters]:
    """The parameters of each run, in the order in which they are numbered."""
    for values in itertools.product(*axes.values()):
        yield {**fixed, **dict(zip(axes, values, strict=True))}


def _pieces(text: str) -> list[str]:
    """``text`` cut at its commas, those inside of quotes, brackets and braces left alone."""
    pieces, start, closing = [], 0, list[str]()
    quoted = escaped = False
    for at, sign in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = sign == "\\", sign != '"'
        elif sign == '"':
            quoted = True
        elif sign in _CLOSING:
            closing.append(_CLOSING[sign])
        elif closing and sign == closing[-1]:
            closing.pop()
        elif sign == "," and not closing:
            pieces.append(text[start:at])
            start = at + 1
    return [piece.strip() for piece in [*pieces, text[start:]]] if pieces else [text]


def _range(name: str, text: str, first: str, last: str, step: str | None) -> list[Any]:
    """Both ends are in it. Decimal, since 0.1 + 0.2 has to be 0.3."""
    start, end = Decimal(first), Decimal(last)
    by = Decimal(step) if step is not None else Decimal(1)
    if by == 0 or (end - start) * by < 0:
        way = "its step is 0" if by == 0 else "it ends before it starts"
        raise RunError(
            f"-p {name} {text}: this range is empty, since {way}. "
            "It is FIRST:LAST or FIRST:LAST:STEP; text with a colon needs quotes: '\"1:2\"'."
        )
    steps = (end - start) / by
    if steps >= MOST_RUNS:
        raise RunError(f"-p {name} {text}: these are more than {MOST_RUNS:,} values.")
    whole = all(re.fullmatch(r"[+-]?\d+", part) for part in (first, last, step or "1"))
    values = [start + by * n for n in range(int(steps) + 1)]
    return [int(value) if whole else float(value) for value in values]


def spelled(axes: Mapping[str, list[Any]]) -> str:
    """``alpha (2) x seed (100)``"""
    return " x ".join(f"{name} ({len(values)})" for name, values in axes.items())
