"""The relay program by itself: under every Python there is, and against those who lie."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from jupyter_continuum.errors import SiteUnreachable
from jupyter_continuum.sites.protocols import Endpoint
from jupyter_continuum.sites.ssh import exec_relay
from jupyter_continuum.sites.ssh.exec import NO_PYTHON, start_command
from jupyter_continuum.sites.ssh.exec_relay import (
    AMOUNT,
    CHUNK,
    CREDIT,
    DATA,
    FAILED,
    FINISH,
    HEADER,
    OPENED,
    READY,
    WINDOW,
    FrameError,
)
from jupyter_continuum.sites.ssh.exec_streams import ExecStreams

PROGRAM = Path(exec_relay.__file__).read_bytes()


def pythons() -> list[str]:
    """What this machine has; what is only called so, as a chooser's shim, says where it leads."""
    ask = "import sys; print(sys.executable)"
    asked = [
        subprocess.run([name, "-c", ask], capture_output=True, text=True, check=False)
        for name in ("python3", *(f"python3.{minor}" for minor in range(6, 20)))
        if shutil.which(name)
    ]
    found = {os.path.realpath(one.stdout.strip()) for one in asked if one.returncode == 0}
    return sorted(found)


class Heard:
    """A session that keeps what it is told."""

    def __init__(self) -> None:
        self.data = b""
        self.changed = asyncio.Event()
        self.ended = self.lost = self.paused = False

    def connection_made(self, chan) -> None: ...

    def data_received(self, data, datatype) -> None:
        self.data += bytes(data)
        self.changed.set()

    def eof_received(self) -> None:
        self.ended = True
        self.changed.set()

    def connection_lost(self, exc) -> None:
        self.lost = True
        self.changed.set()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False

    async def until(self, true) -> None:
        async with asyncio.timeout(20):
            while not true(self):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def running(python: str, **environment: str):
    """The program as a login node would run it, and the broker's end of its pipes."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", start_command(python, len(PROGRAM)),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    streams = ExecStreams(process.stdin.write)
    process.stdin.write(PROGRAM)

    async def read() -> None:
        try:
            await process.stdout.readuntil(READY)
            while data := await process.stdout.read(2**16):
                streams.feed(data)
        finally:
            streams.lose("the program has ended")

    reading = asyncio.create_task(read())
    try:
        yield streams, process
    finally:
        process.stdin.close()
        await reading
        async with asyncio.timeout(10):
            assert await process.wait() == 0, "it ends with its input"


@pytest.mark.parametrize("python", pythons())
async def test_it_runs_under_every_python_there_is(python, echo, tmp_path):
    (tmp_path / "python3").symlink_to(python)
    async with running("python3", PATH=str(tmp_path)) as (streams, _):
        heard = Heard()
        stream = await streams.open(echo, heard)
        stream.write(b"hello")
        stream.write_eof()
        await heard.until(lambda heard: heard.ended)
        assert heard.data == b"hello"
        with pytest.raises(SiteUnreachable, match="refused"):
            await streams.open(Endpoint(host="127.0.0.1", port=1), Heard())


async def test_what_comes_while_a_stream_is_closed_harms_no_other(echo):
    """As when a gateway speaks first, and the broker has only tried whether it is there."""
    came: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def serve(reader, writer):
        await came.put(writer)

    async with running(sys.executable) as (streams, process):
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            where = Endpoint(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
            stream = await streams.open(where, Heard())
            gateway = await came.get()
            program = psutil.Process(process.pid)
            program.suspend()  # so that it finds both at once, in this order
            stream.close()
            await process.stdin.drain()
            gateway.write(b"hello")
            await gateway.drain()
            program.resume()
            heard = Heard()
            other = await streams.open(echo, heard)
            other.write(b"still here")
            await heard.until(lambda heard: heard.data == b"still here")
            gateway.close()
            with contextlib.suppress(ConnectionError):
                await gateway.wait_closed()


def test_it_is_written_in_the_oldest_python_it_promises():
    ast.parse(PROGRAM, feature_version=(3, 6))


async def test_where_there_is_no_python3_the_profiles_own_is_taken(echo, tmp_path):
    async with running(sys.executable, PATH=str(tmp_path)) as (streams, _):
        (await streams.open(echo, Heard())).close()


async def test_a_python_that_is_too_old_is_passed_over(echo, tmp_path):
    """The first question is whether it is new enough: this one says no to everything."""
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    async with running(sys.executable, PATH=str(tmp_path)) as (streams, _):
        (await streams.open(echo, Heard())).close()


async def test_without_any_python_the_status_says_so(tmp_path):
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", start_command("nothing here; echo", len(PROGRAM)),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        env={"PATH": str(tmp_path)},
    )  # fmt: skip
    said, _ = await process.communicate()
    assert (process.returncode, said) == (NO_PYTHON, b"")


async def test_what_a_gateway_does_not_read_is_not_fetched(echo):
    """The source is paused once the window is full, and goes on when it has room."""

    async def deaf(reader, writer):
        await go_on.wait()
        while received[0] < 2 * WINDOW:
            received[0] += len(await reader.read(2**20))
        writer.close()

    go_on, received = asyncio.Event(), [0]
    server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=2**16)
    async with server, running("python3") as (streams, _):
        heard, other = Heard(), Heard()
        port = server.sockets[0].getsockname()[1]
        stream = await streams.open(Endpoint(host="127.0.0.1", port=port), heard)
        for _ in range(2 * WINDOW // CHUNK):
            stream.write(bytes(CHUNK))
        assert heard.paused
        beside = await streams.open(echo, other)
        beside.write(b"others go on")
        await other.until(lambda other: other.data == b"others go on")
        beside.close()
        go_on.set()
        await heard.until(lambda heard: heard.ended or heard.lost)
        assert received[0] == 2 * WINDOW
        assert not heard.paused


def frame(kind: int, stream: int, payload: bytes = b"") -> bytes:
    return HEADER.pack(kind, stream, len(payload)) + payload


@pytest.fixture
async def opened():
    """A stream of a relay program that is whatever the test makes of it."""
    sent: list[bytes] = []
    streams, heard = ExecStreams(sent.append), Heard()
    opening = asyncio.create_task(streams.open(Endpoint(path="/g"), heard))
    await asyncio.sleep(0)
    streams.feed(frame(OPENED, 1))
    return streams, await opening, heard, sent


@pytest.mark.parametrize(
    "lie",
    [
        HEADER.pack(99, 1, 0),
        HEADER.pack(DATA, 1, CHUNK + 1),
        HEADER.pack(FAILED, 1, 2**31),
        frame(CREDIT, 1, b"12345"),
        frame(FINISH, 1) + frame(DATA, 1, b"more"),
    ],
    ids=["no such kind", "long data", "long words", "odd credit", "data after its end"],
)
async def test_who_breaks_the_rules_is_found_out(opened, lie):
    with pytest.raises(FrameError):
        opened[0].feed(lie)


async def test_more_than_was_asked_for_is_not_taken(opened):
    """A session that does not read gives no credit, and then nothing more may come."""
    streams, stream, heard, _ = opened
    stream.pause_reading()
    for _ in range(WINDOW // CHUNK):
        streams.feed(frame(DATA, 1, bytes(CHUNK)))
    with pytest.raises(FrameError, match="more came than was asked for"):
        streams.feed(frame(DATA, 1, b"x"))
    assert len(heard.data) == WINDOW


async def test_a_credit_beyond_the_window_counts_for_no_more(opened):
    streams, stream, heard, sent = opened
    for _ in range(3):
        streams.feed(frame(CREDIT, 1, AMOUNT.pack(2**32 - 1)))
    for _ in range(2 * WINDOW // CHUNK):
        stream.write(bytes(CHUNK))
    assert heard.paused
    assert sum(map(len, sent)) < WINDOW + 2**16


async def test_reasons_are_cleaned_of_what_a_terminal_obeys():
    streams = ExecStreams(lambda data: None)
    opening = asyncio.create_task(streams.open(Endpoint(path="/g"), Heard()))
    await asyncio.sleep(0)
    streams.feed(frame(FAILED, 1, b"\x1b[31mno\x07 such host"))
    with pytest.raises(SiteUnreachable, match=r"^\[31mno such host$"):
        await opening


async def test_a_dial_that_was_given_up_is_closed_when_it_comes_true():
    sent: list[bytes] = []
    streams = ExecStreams(sent.append)
    opening = asyncio.create_task(streams.open(Endpoint(path="/g"), Heard()))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    sent.clear()
    streams.feed(frame(OPENED, 1))
    assert sent == [frame(exec_relay.CLOSE, 1)]
