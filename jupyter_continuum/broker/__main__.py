"""``python -m jupyter_continuum.broker``: the broker, until SIGTERM or ``shutdown``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from jupyter_continuum.broker.broker import Broker
from jupyter_continuum.broker.server import Server
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.paths import socket_dir


async def run() -> None:
    """Serve until told to end; clusters go on."""
    broker = Broker()
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


def main() -> int:
    os.umask(0o077)
    try:
        asyncio.run(run())
    except ContinuumError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
