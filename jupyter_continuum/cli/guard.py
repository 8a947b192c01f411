"""Ends what a demo has started, when the demo itself was killed and could not.

A process of its own, in no terminal and no group of the demo's. It waits for the end of a pipe
whose other side only the demo holds: the kernel closes that, however the demo ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ENDED = b"."
"""What a demo writes that has ended everything by itself."""
MOST_ROUNDS = 3
"""A server that is being ended may start another broker."""
SERVER_SECONDS = 60
"""On SIGTERM JupyterLab ends its kernels first."""


@contextmanager
def guarded(root: Path) -> Iterator[None]:
    """When this process is killed in the block, what lives in the playground ``root`` is ended."""
    # -P: a module beside the person's files must not stand in for ours.
    command = [sys.executable, "-P", "-m", "jupyter_continuum.cli.guard", str(root)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    ) as guard:
        try:
            yield
        finally:
            with suppress(BrokenPipeError):  # somebody has ended it
                guard.communicate(ENDED)


def main(root: Path) -> None:
    """Wait for the end of standard input, and end everything where nobody has."""
    if sys.stdin.buffer.read() == ENDED:
        return
    from jupyter_continuum.cli.clearing import enter, leftovers

    enter(root)
    for _ in range(MOST_ROUNDS):
        if not leftovers():
            break
        _end(root)
    shutil.rmtree(root, ignore_errors=True)


def _end(root: Path) -> None:
    import psutil

    from jupyter_continuum.cli.clearing import end_everything, leftovers

    servers = []
    for pid in leftovers():
        if (root / "runtime" / f"jpserver-{pid}.json").exists():
            with suppress(psutil.NoSuchProcess):
                servers.append(psutil.Process(pid))
    for server in servers:  # first: it would start a broker anew
        with suppress(psutil.NoSuchProcess):
            server.send_signal(signal.SIGTERM)
    psutil.wait_procs(servers, timeout=SERVER_SECONDS)
    end_everything()


if __name__ == "__main__":
    os.umask(0o077)
    main(Path(sys.argv[1]))
