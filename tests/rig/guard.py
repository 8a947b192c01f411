"""Takes a rig down when whoever started it was killed, as pytest-xdist's workers are with it.

A process of its own, which waits for the end of a pipe whose other side only the owner of the rig
holds: the kernel closes that, however the owner ends.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

REPOSITORY = Path(__file__).resolve().parent.parent.parent
TAKEN_DOWN = b"."
"""What an owner writes that has taken its rig down."""

Kind = Literal["slurm", "kubernetes"]


@contextmanager
def guarded(kind: Kind, instance: int) -> Iterator[None]:
    """When this process is killed in the block, its rig is taken down by another one."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.rig.guard", kind, str(instance)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=REPOSITORY,
    ) as guard:
        try:
            yield
        finally:
            with suppress(BrokenPipeError):  # it was killed, too
                guard.communicate(TAKEN_DOWN)


def main(kind: str, instance: int) -> None:
    if sys.stdin.buffer.read() == TAKEN_DOWN:
        return
    if kind == "kubernetes":
        from tests.rig.kubernetes.rig import take_down
    else:
        from tests.rig.rig import take_down
    take_down(instance)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
