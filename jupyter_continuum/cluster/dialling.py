"""Whether workers can be dialled: a dial of one's own, and asking another to dial."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from distributed.comm.core import connect
from distributed.core import send_recv

logger = logging.getLogger(__name__)

TO_HEAR_SECONDS = 1

Arguments = Mapping[str, Any]  # of a connection, as distributed's Security makes them


async def silent(addresses: Iterable[str], seconds: float, arguments: Arguments) -> list[str]:
    """Those of ``addresses`` where nobody answered. Each is dialled anew, all at once."""
    asked = list(addresses)
    found = await asyncio.gather(*(_answers(each, seconds, arguments) for each in asked))
    return [each for each, answers in zip(asked, found, strict=True) if not answers]


async def ask(
    worker: str, addresses: Iterable[str], seconds: float, arguments: Arguments
) -> set[str] | None:
    """Dial ``worker`` and let it dial; whom it got no answer from. None: it did not answer."""
    try:
        # Its own dials begin when it hears of them.
        async with asyncio.timeout(seconds + TO_HEAR_SECONDS):
            comm = await connect(worker, timeout=seconds, **arguments)
            try:
                told = await send_recv(comm, op="reach", addresses=list(addresses), seconds=seconds)
            finally:
                comm.abort()
    except Exception as error:  # the other side's own: `send_recv` raises whatever it answered
        logger.debug("%s gave no answer on whom it reaches: %r", worker, error)
        return None
    if not isinstance(told, list | tuple):
        return None
    return {each for each in told if isinstance(each, str)}


async def ask_one_known(peer: Any, addresses: Iterable[str], seconds: float) -> set[str] | None:
    """As ``ask``, over a connection that may be there already. ``peer``: distributed's rpc."""
    try:
        async with asyncio.timeout(seconds + TO_HEAR_SECONDS):
            told = await peer.reach(addresses=list(addresses), seconds=seconds)
    except (OSError, TimeoutError):
        return None
    return {each for each in told if isinstance(each, str)}


async def _answers(address: str, seconds: float, arguments: Arguments) -> bool:
    try:
        # It returns after the greeting of the other's event loop, not of its kernel.
        comm = await connect(address, timeout=seconds, **arguments)
    except (OSError, TimeoutError):
        return False
    comm.abort()
    return True
