from __future__ import annotations

from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_output

from jupyter_continuum.runs.cells import error_line, first_line


def failed(*traceback: str, name: str = "ValueError", value: str = "bad") -> Any:
    output = new_output("error", ename=name, evalue=value, traceback=list(traceback))
    return new_code_cell("x", outputs=[output])


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("# why\n\nclient = jc.attach()\nmore", "client = jc.attach()"),
        ("# only a comment", "# only a comment"),
        ("  x = 1\x1b[31m", "x = 1"),
        ("x" * 100, "x" * 60),
    ],
)
def test_a_cell_is_told_by_its_first_line_of_code(source: str, shown: str) -> None:
    assert first_line(source) == shown


def test_an_error_is_one_line_with_the_line_that_raised_it() -> None:
    cell = failed(
        "\x1b[31m-----\x1b[39m",
        "Cell \x1b[32mIn[2]\x1b[39m, line 2\n      1 y = 1\n"
        "\x1b[32m----> 2\x1b[39m raise ValueError(y)\n",
        "File lib.py:9\n----> 9 deeper()",
    )
    assert error_line(cell) == "ValueError: bad, at line 2: raise ValueError(y)"


def test_an_error_of_another_kernel_is_its_name_and_value() -> None:
    assert (
        error_line(failed("Error in f()", name="Error", value="two\nlines")) == "Error: two lines"
    )
    assert error_line(failed(name="KeyboardInterrupt", value="")) == "KeyboardInterrupt"
    assert error_line(new_code_cell("x")) == "it failed without a word"
