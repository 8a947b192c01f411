"""A carrier tried for real: bytes through it to a probe's door, and back."""

from __future__ import annotations

import asyncio
import hmac
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.sites.probe.facts import Dial, Trial
from jupyter_continuum.sites.protocols import Agent, Carrier, CarrierName

OPEN_SECONDS = 20
BYTES_SECONDS = 15
PAYLOAD = 2 * 2**20
PINGS = 5
DERIVED = frozenset({CarrierName.OUTBOUND})
"""Carriers that a worker agent must dial for; the node's own dialling tells of them."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door:
    """A probe's door at a site, knocked at through whichever carrier opens."""

    def __init__(self, agent: Agent, token: str, folder: Path) -> None:
        """``folder`` is private and short: Unix sockets will lie in it."""
        self._agent = agent
        self._token = token
        self._folder = folder

    async def trial(self, carrier: Carrier) -> Trial:
        """Send bytes through ``carrier`` and compare what comes back."""
        try:
            async with self._way(carrier) as path, asyncio.timeout(BYTES_SECONDS):
                seconds = await self._ping(path)
                rate = await self._send(path)
        except (ContinuumError, OSError, EOFError, TimeoutError) as error:
            return Trial(carrier=carrier.name, works=False, why=_why(error))
        return Trial(
            carrier=carrier.name,
            works=True,
            milliseconds=round(1000 * seconds, 2),
            mbytes_per_second=round(rate / 1e6, 1),
        )

    async def dial_back(self, carrier: Carrier, port: int) -> Dial:
        """How the node's dialling of ``port`` at its login node went. OSError, ContinuumError."""
        try:
            async with (
                self._way(carrier) as path,
                asyncio.timeout(BYTES_SECONDS),
                self._knock(path, f"dial {port}") as (reader, _),
            ):
                return Dial.model_validate_json(await reader.readline())
        except ValueError as error:  # no record, or a line without an end
            raise ContinuumError("The probe's answer was none.") from error

    @asynccontextmanager
    async def _way(self, carrier: Carrier) -> AsyncIterator[Path]:
        path = self._folder / f"{carrier.name}.sock"
        async with asyncio.timeout(OPEN_SECONDS):
            forward = await carrier.open(self._agent, path)
        try:
            yield forward.path
        finally:
            await forward.close()

    @asynccontextmanager
    async def _knock(self, path: Path, words: str) -> AsyncIterator[Stream]:
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            writer.write(f"{self._token} {words}\n".encode())
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _ping(self, path: Path) -> float:
        """Seconds of one round trip: the middle one of a few."""
        times = []
        async with self._knock(path, "echo") as (reader, writer):
            for number in range(PINGS):
                began = time.perf_counter()
                writer.write(bytes([number]))
                if await reader.readexactly(1) != bytes([number]):
                    raise ContinuumError("Other bytes came back than were sent.")
                times.append(time.perf_counter() - began)
        return median(times)

    async def _send(self, path: Path) -> float:
        """Bytes a second that went there and came back."""
        payload = os.urandom(PAYLOAD)
        async with self._knock(path, "echo") as (reader, writer):
            began = time.perf_counter()
            writer.write(payload)
            echo = await reader.readexactly(PAYLOAD)
            spent = time.perf_counter() - began
        if not hmac.compare_digest(payload, echo):
            raise ContinuumError("Other bytes came back than were sent.")
        return PAYLOAD / spent


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"No bytes came back within {BYTES_SECONDS} s."
    if isinstance(error, ContinuumError):
        return one_line(error, 600)
    return f"The way broke before bytes came back ({type(error).__name__})."
