"""What a scheduler hears of its broker: a question that is answered when there is news."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

RETRY_SECONDS = 2.0

logger = logging.getLogger(__name__)

Question = Callable[[], dict[str, Any]]  # parameters, as JSON holds them
Obey = Callable[[dict[str, Any]], Awaitable[None]]
"""OSError, ValueError, KeyError or TypeError where it was no answer."""


async def follow(broker: Path, method: str, question: Question, obey: Obey) -> None:
    """Ask the broker's Unix socket, obey, ask again, for ever; brokers come and go."""
    while True:
        try:
            await _follow_until_lost(broker, method, question, obey)
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.debug("The broker has no answer to %s: %r", method, error)
        await asyncio.sleep(RETRY_SECONDS)


async def _follow_until_lost(broker: Path, method: str, question: Question, obey: Obey) -> None:
    reader, writer = await asyncio.open_unix_connection(broker)
    number = 0
    try:
        while True:
            number += 1
            request = {"id": number, "method": method, "params": question()}
            writer.write(json.dumps(request).encode() + b"\n")
            line = await reader.readline()
            if not line:
                raise ConnectionResetError("it hung up")
            await obey(json.loads(line)["result"])
    finally:
        writer.close()
