"""The broker's line to one cluster's hub: orders down, news up, made anew when it breaks."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT = 2**22
RETRY_SECONDS = 0.5

News = dict[str, Any]  # what the hub's JSON holds


class HubControl:
    """Orders to ``<run dir>/hub.ctl``; ``on_news`` is told what the hub says."""

    def __init__(
        self, path: Path, on_news: Callable[[News], None], on_gone: Callable[[], bool]
    ) -> None:
        """``on_gone`` says whether to dial again: whether the hub's process lives."""
        self._path = path
        self._on_news = on_news
        self._on_gone = on_gone
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._last = asyncio.Event()
        """The hub has said its last word."""

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"hub {self._path}")

    async def connected(self, timeout_seconds: float) -> None:
        """Wait until orders can be given. TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            await self._connected.wait()

    def order(self, do: str, **fields: Any) -> None:
        """Give an order; lost when the hub is gone, as all its links are then."""
        if self._writer is not None:
            self._writer.write(json.dumps({"do": do, **fields}).encode() + b"\n")

    async def last_news(self, do: str, *, timeout_seconds: float) -> None:
        """Give an order that the hub answers with its last counters, and wait for them."""
        self.order(do)
        try:
            async with asyncio.timeout(timeout_seconds if self._writer is not None else 0):
                await self._last.wait()
        except TimeoutError:
            return  # it is gone: what it said last, a second ago at most, stands

    async def close(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._writer is not None:
            self._writer.close()

    async def _run(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(self._path, limit=LIMIT)
                self._connected.set()
                while line := await reader.readline():
                    news = json.loads(line)
                    self._on_news(news)
                    if news.get("last"):
                        self._last.set()
            except OSError:
                pass  # the hub is not there yet, or no longer: on_gone knows
            except Exception:  # the top of this loop: without it the cluster has no ears
                traceback.print_exc()
            self._connected.clear()
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            if not self._on_gone():
                return
            await asyncio.sleep(RETRY_SECONDS)
