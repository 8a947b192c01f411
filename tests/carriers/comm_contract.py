"""What every comm keeps, as tests to inherit: stock ones, and the relay over each carrier.

A carrier joins with one fixture, ``reach``::

    class TestOverMine(RelayCommTests):
        @pytest.fixture
        async def reach(self):
            yield lambda gateway, door: (carrier, agent)
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from distributed.comm import CommClosedError, connect, listen, parse_address, unparse_address
from distributed.protocol import to_serialize

from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.cluster.security import make_identity, security
from jupyter_continuum.relay.gateway import Gateway
from jupyter_continuum.relay.handshake import link_key
from jupyter_continuum.relay.hub import Hub
from jupyter_continuum.sites.protocols import Agent, Carrier, Endpoint

Reach = Callable[[Gateway, Endpoint], Awaitable[tuple[Carrier, Agent]]]
"""How the gateway, which listens at the endpoint too, is reached: by what, and as whom."""


def credentials() -> Any:  # a distributed.Security
    authority, identity = make_authority("contract"), make_identity("one")
    now = datetime.now(UTC)
    leaf = authority.sign(identity.request, name="one", life=timedelta(hours=1), now=now)
    return security(
        key=identity.key, certificate=leaf.decode(), authority=authority.certificate.decode()
    )


@dataclass
class Ends:
    """Where to listen and how to dial."""

    where: str
    listen_args: dict[str, Any] = field(default_factory=dict)
    connect_args: dict[str, Any] = field(default_factory=dict)
    relay: dict[str, Any] = field(default_factory=dict)
    """``continuum.relay`` of who listens."""

    async def listen(self, handler: Callable[[Any], Awaitable[None]]) -> Any:
        with dask.config.set({"continuum.relay": self.relay}):
            return await listen(self.where, handler, **self.listen_args)

    async def dial(self, address: str, seconds: float = 20) -> Any:
        return await connect(address, timeout=seconds, **self.connect_args)

    @asynccontextmanager
    async def echo(self):
        """A listener that sends back what it hears."""

        async def serve(comm) -> None:
            try:
                while True:
                    await comm.write({"back": to_serialize((await comm.read())["data"])})
            except CommClosedError:
                pass  # as comms end
            finally:
                await comm.close()

        listener = await self.listen(serve)
        try:
            yield listener.contact_address
        finally:
            listener.stop()


async def echoed(comm: Any, data: Any) -> Any:
    await comm.write({"data": to_serialize(data)})
    return (await comm.read())["back"]


class CommTests:
    """A subclass gives ``ends``."""

    @pytest.fixture
    async def ends(self):
        raise NotImplementedError

    @pytest.mark.parametrize("size", [0, 1, 1_000, 100_000, 5_000_000])
    async def test_what_is_said_comes_back(self, ends: Ends, size: int) -> None:
        data = np.frombuffer(os.urandom(size), dtype="u1")
        async with ends.echo() as address:
            comm = await ends.dial(address)
            for _ in range(3):
                assert np.array_equal(await echoed(comm, data), data)
            await comm.close()

    async def test_many_comms_at_once_do_not_mix(self, ends: Ends) -> None:
        async def one(number: int) -> bool:
            comm = await ends.dial(address)
            data = np.full(10_000 * (1 + number % 5), number)
            back = [await echoed(comm, data) for _ in range(3)]
            await comm.close()
            return all(np.array_equal(each, data) for each in back)

        async with ends.echo() as address:
            assert all(await asyncio.gather(*(one(number) for number in range(30))))

    async def test_a_close_is_seen_by_the_peer(self, ends: Ends) -> None:
        comm, peer, listener = await pair(ends)
        await comm.close()
        with pytest.raises(CommClosedError):
            async with asyncio.timeout(10):
                await peer.read()
        assert comm.closed()
        await peer.close()
        listener.stop()

    async def test_an_abort_is_seen_by_the_peer(self, ends: Ends) -> None:
        comm, peer, listener = await pair(ends)
        comm.abort()
        with pytest.raises(CommClosedError):
            async with asyncio.timeout(10):
                await peer.read()
        with pytest.raises(CommClosedError):
            await comm.write("too late")
        await peer.close()
        listener.stop()

    async def test_who_waits_to_read_is_told_when_its_own_end_is_closed(self, ends: Ends) -> None:
        comm, peer, listener = await pair(ends)
        reading = asyncio.create_task(peer.read())
        await asyncio.sleep(0)
        await comm.close()
        with pytest.raises(CommClosedError):
            async with asyncio.timeout(10):
                await reading
        await peer.close()
        listener.stop()

    async def test_nobody_answers_where_nobody_listens(self, ends: Ends) -> None:
        async with ends.echo() as address:
            await (await ends.dial(address)).close()
        with pytest.raises(OSError, match=r"imed out|refused|no endpoint|nobody|has ended"):
            await ends.dial(address, seconds=1)

    async def test_an_address_survives_being_taken_apart(self, ends: Ends) -> None:
        async with ends.echo() as address:
            scheme, rest = parse_address(address)
            assert unparse_address(scheme, rest) == address
            assert ends.where.startswith(f"{scheme}://")
            comm = await ends.dial(unparse_address(scheme, rest))
            assert comm.peer_address == address
            await comm.close()

    @pytest.mark.full
    async def test_a_frame_of_64_megabytes_and_more_arrives_whole(self, ends: Ends) -> None:
        data = np.frombuffer(os.urandom(80_000_000), dtype="u1")
        async with ends.echo() as address:
            comm = await ends.dial(address)
            assert np.array_equal(await echoed(comm, data), data)
            await comm.close()


async def pair(ends: Ends) -> tuple[Any, Any, Any]:
    """Both ends of one comm, and its listener."""
    came: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def keep(comm) -> None:
        came.set_result(comm)

    listener = await ends.listen(keep)
    comm = await ends.dial(listener.contact_address)
    return comm, await came, listener


@dataclass
class Link:
    """A hub here, a gateway there, and the carrier under test between them."""

    folder: Path
    hub: Hub
    gateway: Gateway
    carrier: Carrier
    agent: Agent
    ways: list[Any] = field(default_factory=list)

    async def open(self) -> None:
        """A new way, instead of the one there was."""
        path = self.folder / f"f{len(self.ways)}.sock"
        way = await self.carrier.open(self.agent, path)
        key = link_key("contract").hex()
        order = {"do": "dial", "agent": "far.0", "path": str(path), "key": key}
        self.hub._do(order)
        await until(lambda: self.hub.ends["far.0"].attached)
        self.ways.append(way)

    async def cut(self) -> None:
        await self.ways[-1].close()
        await until(lambda: not self.hub.ends["far.0"].attached)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


class RelayCommTests(CommTests):
    """The relay over a real carrier: one dials beside the hub, one listens beside the gateway."""

    @pytest.fixture
    async def reach(self):
        raise NotImplementedError

    @pytest.fixture
    async def link(self, reach: Reach):
        with tempfile.TemporaryDirectory(prefix="jct-") as name:
            folder, hub = Path(name), Hub()
            hub.serve(folder / "hub.sock")
            house = asyncio.create_task(hub.keep_house())
            gateway = await Gateway.open(
                site="far", agent="0", key=link_key("contract"), listen=("127.0.0.1", 0),
                local_path=folder / "far.sock",
            )  # fmt: skip
            endpoint = Endpoint(host="127.0.0.1", port=gateway.endpoints[0]["port"])
            carrier, agent = await reach(gateway, endpoint)
            link = Link(folder, hub, gateway, carrier, agent)
            try:
                await link.open()
                joining = asyncio.create_task(gateway.join({}))
                await until(lambda: "far.0" in hub._joins)
                hub._do({"do": "grant", "agent": "far.0", "grant": {}})
                await joining
                yield link
            finally:
                for end in list(hub.ends.values()):
                    end.drop()
                await gateway.close()
                await hub.close()
                for way in link.ways:
                    await way.close()
                house.cancel()
                await asyncio.wait([house])

    @pytest.fixture
    def ends(self, link: Link) -> Ends:
        secure = credentials()
        for name in ("far", "home"):
            (link.folder / name).mkdir()

        def beside(exchange: str, site: str, agent: str) -> dict[str, str]:
            return {
                "exchange": str(link.folder / exchange), "site": site, "agent": agent,
                "direct-dir": str(link.folder / site), "direct-host": "",
            }  # fmt: skip

        dialler = {"extra_conn_args": {"relay": beside("hub.sock", "home", "client")}}
        return Ends(
            "relay://far.0",
            secure.get_listen_args("worker"),
            {**secure.get_connection_args("worker"), **dialler},
            beside("far.sock", "far", "0"),
        )

    async def test_a_message_goes_on_over_a_new_way(self, ends: Ends, link: Link) -> None:
        """The way breaks while it is under way: what was lost is sent again, and no byte twice."""
        data = np.frombuffer(os.urandom(40_000_000), dtype="u1")
        async with ends.echo() as address:
            comm = await ends.dial(address)
            before = sum(link.hub.bytes.values())
            asking = asyncio.create_task(echoed(comm, data))
            await until(lambda: sum(link.hub.bytes.values()) > before + 4_000_000)
            await link.cut()
            assert not asking.done()
            await link.open()
            async with asyncio.timeout(60):
                assert np.array_equal(await asking, data)
            await comm.close()
