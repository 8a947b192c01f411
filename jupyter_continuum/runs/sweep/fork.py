"""What a freshly forked process does before anything else."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

FORK_WITH_US = {"jemalloc_bg_thd"}
"""Threads of allocators (pyarrow has one) whose library prepares for every fork."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_C = ctypes.CDLL(None, use_errno=True)


def fork() -> int:
    """As ``os.fork``; the child leads a session of its own, and dies when this process does."""
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _C.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it had died before
            os._exit(1)
        os.setsid()
    return child


def close_all_but(*kept: int) -> None:
    """Close every file descriptor that was inherited, save the standard ones and ``kept``."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                continue  # that of the listing itself


def threads() -> int:
    """How many threads this process has that a fork would cut off, not of Python alone."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return sum(name not in FORK_WITH_US for name in names)
