"""The copy of the environment on a node's own disk, where `prepare --node-local` made jobs use one.

`bin/python-node-local` has unpacked it, or found it, and holds a lock on it for us.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

LOCK = 9
"""Descriptor of the shared lock that came with this process."""


def release(environment: Mapping[str, str]) -> bool:
    """Remove the copy unless another agent of this node works from it; whether it was removed.

    The last thing an agent does: its own code lies there.
    """
    copy = environment.get("JC_NODE_COPY")
    if not copy:
        return False
    lock = Path(f"{copy}.lock")
    try:
        if os.fstat(LOCK).st_ino != lock.stat().st_ino:
            return False
        fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # others hold it, or it is gone
        return False
    # The batch system's SIGTERM may be on its way: nobody must meet half a copy.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gone = Path(f"{copy}.gone")
    with contextlib.suppress(OSError):
        os.rename(copy, gone)
    shutil.rmtree(gone, ignore_errors=True)
    Path(f"{copy}.unpack").unlink(missing_ok=True)
    lock.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # an environment of another lock is in use
        lock.parent.rmdir()
    return True
