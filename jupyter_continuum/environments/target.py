"""An interpreter somewhere else, and which wheels run under it. Pure."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from packaging.tags import Tag, compatible_tags, cpython_tags

OLDEST_GLIBC = 5
"""2.5, of manylinux1."""
ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""Names from before wheels were called after their glibc, by its minor number."""
MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True, slots=True)
class Target:
    """CPython on Linux with glibc."""

    python: tuple[int, int]
    machine: str
    glibc: tuple[int, int]

    @classmethod
    def here(cls) -> Target:
        """This process. A machine without glibc counts as one with the oldest."""
        glibc = _two(platform.libc_ver()[1]) or (2, OLDEST_GLIBC)
        return cls(sys.version_info[:2], os.uname().machine, glibc)

    @property
    def python_text(self) -> str:
        return f"{self.python[0]}.{self.python[1]}"

    @property
    def platforms(self) -> list[str]:
        """Platform tags, the newest first."""
        return list(_platforms(self.machine, self.glibc))

    def runs(self, tag: Tag) -> bool:
        """Whether a wheel with this tag runs here."""
        return tag in _tags(self)


def parse_target(python: str, machine: str, glibc: str) -> Target | None:
    """From what a site says of itself; None when it is none of those that have wheels."""
    version, libc = _two(python), _two(glibc)
    if version is None or libc is None or machine not in MACHINES or libc < (2, OLDEST_GLIBC):
        return None
    return Target(version, machine, libc)


def _two(text: str) -> tuple[int, int] | None:
    found = re.match(r"(\d{1,3})\.(\d{1,3})(?!\d)", text)
    return (int(found[1]), int(found[2])) if found else None


def _platforms(machine: str, glibc: tuple[int, int]) -> Iterator[str]:
    oldest = OLDEST_GLIBC if machine == "x86_64" else 17
    for minor in range(glibc[1], oldest - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in ALIASES:
            yield f"{ALIASES[minor]}_{machine}"


@lru_cache
def _tags(target: Target) -> frozenset[Tag]:
    platforms = target.platforms
    interpreter = f"cp{target.python[0]}{target.python[1]}"
    return frozenset(
        [
            *cpython_tags(target.python, platforms=platforms),
            *compatible_tags(target.python, interpreter, platforms),
        ]
    )
