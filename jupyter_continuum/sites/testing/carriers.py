"""What every Carrier keeps."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from jupyter_continuum.errors import SiteError
from jupyter_continuum.paths import private_dir
from jupyter_continuum.sites.protocols import (
    Agent,
    Carrier,
    CarrierName,
    Endpoint,
    Shell,
)

ECHO = """
import os, socketserver, sys, threading
os.umask(0o077)
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
folder = sys.argv[1]
socketserver.TCPServer.request_queue_size = 64
tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
unix = socketserver.ThreadingUnixStreamServer(folder + "/echo.sock", Echo)
threading.Thread(target=unix.serve_forever, daemon=True).start()
print(tcp.server_address[1], flush=True)
tcp.serve_forever()
"""


class CarrierTests:
    """What every Carrier keeps. A subclass gives ``carrier``, ``agent`` and ``nobody``."""

    @pytest.fixture
    async def carrier(self) -> AsyncIterator[Carrier]:
        """At a site that answers."""
        raise NotImplementedError

    @pytest.fixture
    async def agent(self) -> AsyncIterator[Agent]:
        """Its gateway sends back what it gets."""
        raise NotImplementedError

    @pytest.fixture
    def nobody(self) -> Agent:
        """An agent that has gone: nobody listens where it said."""
        raise NotImplementedError

    @pytest.fixture
    def socket(self) -> Iterator[Path]:
        """Where a way may be opened: a path below 107 bytes, which pytest's own are not."""
        with tempfile.TemporaryDirectory(prefix="jct-") as folder:
            yield Path(folder) / "private" / "f.sock"

    async def test_bytes_go_both_ways_on_many_streams_at_once(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        forward = await carrier.open(agent, socket)
        assert forward.path == socket
        sent = os.urandom(3_000_000)
        parts = [sent, sent[:10], sent[5:500_000], *(sent[n : n + 1000] for n in range(20))]
        assert await asyncio.gather(*(echoed(socket, part) for part in parts)) == parts
        await forward.close()

    async def test_its_socket_is_its_owners_alone_and_goes_with_it(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        forward = await carrier.open(agent, socket)
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        await forward.close()
        assert not socket.exists()

    async def test_a_stale_socket_is_no_hindrance(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        (private_dir(socket.parent) / socket.name).touch()
        forward = await carrier.open(agent, socket)
        assert await echoed(socket, b"hello") == b"hello"
        await forward.close()

    async def test_it_can_be_opened_anew_at_the_same_path(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        for word in (b"once", b"again"):
            forward = await carrier.open(agent, socket)
            assert await echoed(socket, word) == word
            await forward.close()

    async def test_a_stream_that_is_not_read_holds_up_no_other(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        forward = await carrier.open(agent, socket)
        reader, writer = await asyncio.open_unix_connection(socket, limit=2**16)
        sent = 0
        try:
            while sent < 400 * 2**20:  # nobody holds so much for a reader that does not read
                writer.write(bytes(2**20))
                sent += 2**20
                async with asyncio.timeout(1):
                    await writer.drain()
        except TimeoutError:
            pass
        assert sent < 400 * 2**20, "the sender was never told to stop"
        assert await echoed(socket, b"others go on") == b"others go on"
        received = 0
        async with asyncio.timeout(60):
            while received < sent:
                received += len(await reader.read(2**20))
        writer.transport.abort()
        await forward.close()

    async def test_an_agent_that_has_gone_is_an_error(
        self, carrier: Carrier, nobody: Agent, socket: Path
    ) -> None:
        with pytest.raises(SiteError):
            await carrier.open(nobody, socket)


class DialledCarrierTests(CarrierTests):
    """What a Carrier keeps that dials endpoints, at a site with a Shell.

    A subclass gives ``transport`` and, where it has several carriers, ``NAME``.
    """

    NAME: ClassVar[CarrierName | None] = None

    @pytest.fixture
    async def transport(self) -> AsyncIterator[Shell]:
        raise NotImplementedError

    @pytest.fixture
    def carrier(self, transport: Shell) -> Carrier:
        wanted = self.NAME or transport.carriers[0].name
        return next(each for each in transport.carriers if each.name is wanted)

    @pytest.fixture
    async def servers(self, transport: Shell) -> AsyncIterator[dict[str, Endpoint]]:
        """Two servers at the site that send back what they get."""
        result = await transport.run(
            "d=$(mktemp -d); cat > $d/echo.py; "
            "python3 $d/echo.py $d > $d/port 2>/dev/null < /dev/null & p=$!; d=$(echo $d); "
            'while [ ! -s "$d/port" ]; do sleep 0.05; done; echo $p $d $(cat $d/port)',
            input=ECHO.encode(),
        )
        pid, folder, port = result.stdout.split()
        yield {
            "tcp": Endpoint(host="127.0.0.1", port=int(port)),
            "unix": Endpoint(path=f"{folder}/echo.sock"),
        }
        await transport.run(f"kill {pid}; rm -rf {folder}")

    @pytest.fixture(params=["tcp", "unix"])
    def agent(self, servers: dict[str, Endpoint], request: pytest.FixtureRequest) -> Agent:
        return Agent("jc-contract", 0, "n0", (servers[request.param],))

    @pytest.fixture(
        params=[Endpoint(host="127.0.0.1", port=1), Endpoint(path="/nowhere/g0.sock")],
        ids=["tcp", "unix"],
    )
    def nobody(self, request: pytest.FixtureRequest) -> Agent:
        return Agent("jc-contract", 0, "n0", (request.param,))

    async def test_the_first_endpoint_that_answers_is_taken(
        self, carrier: Carrier, agent: Agent, nobody: Agent, socket: Path
    ) -> None:
        both = replace(agent, endpoints=(*nobody.endpoints, *agent.endpoints))
        forward = await carrier.open(both, socket)
        assert await echoed(socket, b"hello") == b"hello"
        await forward.close()

    async def test_one_side_may_end_while_the_other_still_speaks(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        forward = await carrier.open(agent, socket)
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(data := os.urandom(1_000_000))
        writer.write_eof()
        async with asyncio.timeout(30):
            assert await reader.read(-1) == data
        writer.close()
        await forward.close()


async def echoed(path: Path, data: bytes) -> bytes:
    """Send, and read as much back."""
    reader, writer = await asyncio.open_unix_connection(path)

    async def send() -> None:
        writer.write(data)
        await writer.drain()

    try:
        async with asyncio.timeout(60):
            _, back = await asyncio.gather(send(), reader.readexactly(len(data)))
            return back
    finally:
        writer.close()
