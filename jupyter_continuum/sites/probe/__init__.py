"""The reach probe: a program that travels with its job, and what may come back from it."""

from __future__ import annotations

from importlib.resources import files
from shlex import quote

FILE = "probe.py"
"""What the program is called in the job's folder."""
NO_PYTHON = "jc-probe: no python3"
"""Printed by the job where nothing can run the program."""
OLDEST = (3, 6)
INTERPRETERS = ("python3", "/usr/bin/python3", "/usr/libexec/platform-python")
"""Tried after the profile's own, which may not be there yet."""


def program() -> str:
    """Text of the program; it needs nothing but Python's standard library."""
    return (files(__name__) / "program.py").read_text()


def command(python: str, folder: str) -> str:
    """POSIX shell: run the program in ``folder`` by the first interpreter that can.

    ``folder`` is shell text already, quoted by whoever knows what is in it.
    """
    check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    tries = " ".join(quote(each) for each in dict.fromkeys((python, *INTERPRETERS)))
    return (
        f"for python in {tries}; do "
        f'"$python" -c {quote(check)} 2>/dev/null && exec "$python" -I {folder}/{FILE} {folder}; '
        f"done; echo {quote(NO_PYTHON)}; exit 3"
    )
