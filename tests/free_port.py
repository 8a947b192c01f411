"""A port for somebody who binds it later."""

from __future__ import annotations

import contextlib
import secrets
import socket
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
BELOW = 10_000


def free_port(address: str = "127.0.0.1") -> int:
    """None that the kernel gives to whoever asks for any, so that it is free a second later."""
    first, last = map(int, EPHEMERAL.read_text().split())
    others = [*range(max(1024, first - BELOW), first), *range(last + 1, 2**16)]
    for _ in range(100):
        port = secrets.choice(others or range(first, last + 1))
        with contextlib.suppress(OSError), socket.create_server((address, port)):
            return port
    raise RuntimeError(f"{address} has no free port.")
