"""The gateway's door: whoever knocks in numbers takes no more room than the bound."""

from __future__ import annotations

import asyncio
import secrets
import socket
from pathlib import Path

from jupyter_continuum.relay.gateway import HANDSHAKES_AT_ONCE, Gateway


async def test_strangers_that_come_at_once_make_room_for_each_other(tmp_path: Path) -> None:
    gateway = await Gateway.open(
        site="a",
        agent="job",
        key=secrets.token_bytes(32),
        listen=tmp_path / "door",
        local_path=tmp_path / "local",
    )
    pairs = [socket.socketpair() for _ in range(3 * HANDSHAKES_AT_ONCE)]
    try:
        for near, far in pairs:
            near.setblocking(False)
            far.setblocking(False)
            gateway.welcome(near)  # none of them says a word
        loop = asyncio.get_running_loop()
        early = [far for _, far in pairs[: 2 * HANDSHAKES_AT_ONCE]]
        async with asyncio.timeout(10):
            for far in early:
                while await loop.sock_recv(far, 1 << 16):
                    pass  # what the gateway said first, then its end
        late = pairs[-1][1]
        assert (await loop.sock_recv(late, 1 << 16)).startswith(b"{")
    finally:
        await gateway.close()
        for _, far in pairs:
            far.close()
