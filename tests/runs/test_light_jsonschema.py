"""jsonschema without its parser of IRIs, until one is checked."""

from __future__ import annotations

import subprocess
import sys

IMPORT = """
import sys
from jupyter_continuum.runs.light_jsonschema import import_jsonschema
import_jsonschema()
"""


def run(code: str) -> str:
    """In a process of its own: what is imported stays imported."""
    done = subprocess.run([sys.executable, "-c", IMPORT + code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.strip()


def test_notebooks_are_read_and_checked_without_the_grammars() -> None:
    assert (
        run("""
import nbformat
from nbformat.v4 import new_code_cell, new_notebook
nbformat.validate(new_notebook(cells=[new_code_cell("1")]))
try:
    nbformat.validate(new_notebook(cells=[{"cell_type": "none"}]))
except nbformat.ValidationError:
    print("jsonschema" in sys.modules, "lark" in sys.modules)
""")
        == "True False"
    )


def test_an_iri_is_checked_as_ever() -> None:
    assert (
        run("""
from jsonschema import Draft202012Validator as Validator
check = Validator({"format": "iri"}, format_checker=Validator.FORMAT_CHECKER).is_valid
print(check("https://example.org/\\u00e9"), check("no iri"), "lark" in sys.modules)
""")
        == "True False True"
    )


def test_who_imports_the_parser_has_the_real_one() -> None:
    assert run("import rfc3987_syntax; print(rfc3987_syntax.is_valid_syntax_iri('a:b'))") == "True"


def test_a_jsonschema_that_is_there_is_left_alone() -> None:
    code = "import jsonschema, rfc3987_syntax\nbefore = rfc3987_syntax\n"
    assert run(f"{code}import_jsonschema(); print(sys.modules['rfc3987_syntax'] is before)") == (
        "True"
    )
