"""One run, as it crosses the pipe to the warm process, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypedDict


class Order(TypedDict):
    """What is to be run, and where."""

    number: int
    notebook: str
    output: str
    parameters: dict[str, Any]
    kernel: str
    language: str
    cwd: str
    forked: bool
    """False for a kernel that is no ipykernel of this Python: it is started as ever."""
    native: bool
    """The kernel of this Python, whatever kernels of that name a person has installed."""
    sockets: str
    """A folder of this person alone, for a short time."""
    env: dict[str, str]
    first: list[str]
    """Folders where the kernel looks for modules before all others, save its own."""
    last: list[str]
    """And after all others."""


class Ended(TypedDict):
    """What became of it."""

    state: Literal["completed", "failed", "died", "interrupted"]
    error: str
    outputs: dict[str, Any]
    """What the notebook recorded."""
    seconds: float


def outcome_path(sockets: str | Path, number: int) -> Path:
    """Where what became of a run is written, since a pipe holds only so much."""
    return Path(sockets) / f"{number}.ended"


def died(why: str) -> Ended:
    return Ended(state="died", error=why, outputs={}, seconds=0)


LOST = died("The process that runs are forked from has ended; memory may have run out.")
