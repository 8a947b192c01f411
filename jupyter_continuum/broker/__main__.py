"""``python -m jupyter_continuum.broker``: the broker, until SIGTERM or ``shutdown``."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_continuum.broker.broker import Broker
from jupyter_continuum.broker.server import Server
from jupyter_continuum.errors import BrokerError, ContinuumError
from jupyter_continuum.paths import socket_dir

LOCK_SECONDS = 15
"""How long an earlier broker may take to end."""
LOG_BYTES = 4 * 2**20
"""A log that grew over this is begun anew."""


async def run(*, lease_seconds: float | None = None) -> None:
    """Serve until told to end; clusters go on. ``lease_seconds`` is the Broker's."""
    broker = Broker(lease_seconds=lease_seconds)
    server = Server(broker)
    path = socket_dir() / "broker.sock"
    await server.start(path)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, broker.ended.set)
    try:
        await broker.start()
        await broker.ended.wait()
    finally:
        path.unlink(missing_ok=True)
        await server.close()
        await broker.close()


@contextmanager
def the_only_one() -> Iterator[None]:
    """Hold the person's lock: two brokers would undo what the other one writes.

    The kernel lets go of it however this process ends.
    """
    descriptor = os.open(socket_dir() / "broker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BrokerError(
                        "Another broker runs and does not end. `jupyter continuum doctor` "
                        "shows its process; end that, then try again."
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)


def _shorten_log() -> None:
    """Standard error is the log, opened for appending by whoever started this process."""
    state = os.fstat(sys.stderr.fileno())
    if stat.S_ISREG(state.st_mode) and state.st_size > LOG_BYTES:
        os.ftruncate(sys.stderr.fileno(), 0)


def main() -> int:
    os.umask(0o077)
    _shorten_log()
    try:
        with the_only_one():
            asyncio.run(run())
    except ContinuumError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
