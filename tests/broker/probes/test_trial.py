"""A carrier counts as working only when the very bytes that were sent come back."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from jupyter_continuum.broker.probes import trial as trials
from jupyter_continuum.broker.probes.trial import Door
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.sites.here.local import LocalTransport
from jupyter_continuum.sites.probe.facts import Trial
from jupyter_continuum.sites.protocols import Agent, Endpoint

TOKEN = "ab" * 32
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory(prefix="jct-") as made:
        yield Path(made)


async def tried(folder: Path, behaviour: Behaviour) -> Trial:
    """What a trial says of the socket carrier, with a door that behaves like that."""
    writers: list[asyncio.StreamWriter] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if (await reader.readline()).split()[:1] == [TOKEN.encode()]:
            await behaviour(reader, writer)
        writer.close()

    server = await asyncio.start_unix_server(meet, folder / "g0.sock")
    agent = Agent("jc-probe-x-00000001", 0, "n1", (Endpoint(path=str(folder / "g0.sock")),))
    (carrier,) = LocalTransport("here").carriers
    try:
        return await Door(agent, TOKEN, folder / "in").trial(carrier)
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def test_bytes_that_come_back_are_measured(folder: Path) -> None:
    found = await tried(folder, echo)
    assert found.works, found.why
    assert found.milliseconds is not None
    assert found.mbytes_per_second is not None


async def test_other_bytes_are_no_echo(folder: Path) -> None:
    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(bytes(255 - each for each in data[:1]) + data[1:])

    found = await tried(folder, lie)
    assert (found.works, found.why) == (False, "Other bytes came back than were sent.")


async def test_a_way_that_breaks_in_the_middle_does_not_work(folder: Path) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = 100_000
        while left > 0 and (data := await reader.read(4096)):
            writer.write(data)
            left -= len(data)
        writer.transport.abort()

    found = await tried(folder, break_off)
    assert not found.works
    assert found.why.startswith("The way broke before bytes came back")


async def test_silence_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "BYTES_SECONDS", 0.3)

    async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    found = await tried(folder, be_silent)
    assert (found.works, found.why) == (False, "No bytes came back within 0.3 s.")


@pytest.mark.parametrize(
    "answer", [b"", b"{}\n", b"[" * 500 + b"\n", b'{"outcome": "fine"}\n', b"x" * 100_000]
)
async def test_an_answer_that_is_none_is_told(folder: Path, answer: bytes) -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(meet, folder / "g0.sock")
    agent = Agent("jc-probe-x-00000001", 0, "n1", (Endpoint(path=str(folder / "g0.sock")),))
    (carrier,) = LocalTransport("here").carriers
    with pytest.raises(ContinuumError, match="answer was none"):
        await Door(agent, TOKEN, folder / "in").dial_back(carrier, 4000)
    server.close()
