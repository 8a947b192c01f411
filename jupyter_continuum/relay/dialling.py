"""The shortest way to a process: a socket beside us, TCP inside the site, or the exchange.

The socket that these functions give is connected and not yet encrypted.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Mapping

from distributed.comm.core import CommClosedError, FatalCommClosedError

from jupyter_continuum.relay.address import ENDED, Address
from jupyter_continuum.relay.pipe import dial_unix, widen

Settings = Mapping[str, str]
"""``continuum.relay`` of ``dask.config``; see ``comm``."""

DIRECT_SECONDS = 2
"""How long a dial inside the site may take before the exchange is used instead."""
REMEMBER_SECONDS = 300
"""How long a host or port that did not answer is left alone."""
MAX_ANSWER = 4096

_unreachable: dict[str | tuple[str, int], float] = {}
"""What did not answer -> when it may be tried again: a host, or a port where it refused."""


async def dial(target: Address, relay: Settings) -> socket.socket:
    """A socket connected to ``target``. OSError, CommClosedError with the exchange's sentence.

    FatalCommClosedError when its process has ended: else distributed would dial for a minute, and
    whoever asks all workers for something would wait for one that is gone.
    """
    if target.site == relay.get("site", ""):
        plug = await _dial_beside(target, relay) or await _dial_inside(target)
        if plug is not None:
            return plug
    return await ask_exchange({"dial": str(target)}, relay)


async def ask_exchange(request: dict[str, str], relay: Settings) -> socket.socket:
    """Send one request to the exchange beside this process; the socket once it agreed."""
    plug = await dial_unix(relay["exchange"])
    try:
        widen(plug)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(plug, json.dumps(request).encode() + b"\n")
        line = b""
        # It says nothing after this line before we speak, so no byte of the stream is read here.
        while not line.endswith(b"\n") and len(line) < MAX_ANSWER:
            data = await loop.sock_recv(plug, MAX_ANSWER)
            if not data:
                raise CommClosedError("the exchange closed the connection")
            line += data
        answer = json.loads(line)
        if "error" in answer:
            sentence = str(answer["error"])
            final = sentence.endswith(ENDED)
            raise FatalCommClosedError(sentence) if final else CommClosedError(sentence)
    except BaseException:
        plug.close()
        raise
    return plug


async def _dial_beside(target: Address, relay: Settings) -> socket.socket | None:
    """A process of the same site on this machine."""
    folder = relay.get("direct-dir", "")
    if not folder:
        return None
    try:
        plug = await dial_unix(f"{folder}/{socket_name(target.agent, target.number)}")
    except OSError:
        return None  # not on this machine, or left behind by a process that died
    widen(plug)
    return plug


async def _dial_inside(target: Address) -> socket.socket | None:
    """TCP inside the site, where the target has a port there."""
    host, number, now = target.host.strip("[]"), target.number, time.monotonic()
    if not host or max(_unreachable.get(host, 0), _unreachable.get((host, number), 0)) > now:
        return None
    plug = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    plug.setblocking(False)
    try:
        async with asyncio.timeout(DIRECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(plug, (host, number))
    except ConnectionRefusedError:
        plug.close()
        _unreachable[host, number] = now + REMEMBER_SECONDS
        return None
    except (OSError, TimeoutError):
        plug.close()
        _unreachable[host] = now + REMEMBER_SECONDS
        return None
    except BaseException:
        plug.close()
        raise
    return plug


def socket_name(agent: str, number: int) -> str:
    """File name of the Unix socket of one process, in the folder of its site and machine."""
    return f"{agent}-{number}.sock"
