from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from jupyter_continuum.sites.protocols import Endpoint


@pytest.fixture
async def echo() -> AsyncIterator[Endpoint]:
    """A server of this machine that says what it hears; no connection to it outlives the test."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            while data := await reader.read(2**16):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Endpoint(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        async with asyncio.timeout(20):
            await asyncio.gather(*serving, return_exceptions=True)
