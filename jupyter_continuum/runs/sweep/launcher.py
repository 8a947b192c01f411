"""Which kernels can be forked, and reached by files: ipykernel, in the Python that runs this."""

from __future__ import annotations

import sys

LAUNCHER = "ipykernel_launcher"


def flags_of(argv: list[str]) -> list[str] | None:
    """Options of Python itself in a kernel's command; None when it is no ipykernel of this Python.

    >>> flags_of(["python", "-Xutf8", "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    ['-Xutf8']
    """
    if argv[0] not in _names_of_this_python() or LAUNCHER not in argv:
        return None
    at = argv.index(LAUNCHER)
    return argv[1 : at - 1] if argv[at - 1] == "-m" else None


def _names_of_this_python() -> set[str]:
    major, minor = sys.version_info[:2]
    return {sys.executable, "python", f"python{major}", f"python{major}.{minor}"}
