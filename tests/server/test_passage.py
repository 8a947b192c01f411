"""Agents come through a real Jupyter server to the front door, and nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from jupyter_continuum.broker.front_door import door as front_door
from jupyter_continuum.broker.front_door.address import Address
from jupyter_continuum.broker.front_door.carrier import OutboundCarrier
from jupyter_continuum.sites.protocols import Agent
from jupyter_continuum.sites.testing import CarrierTests
from jupyter_continuum.worker.ticket import DialOut
from tests.dial_out import Outside, echo, make_ticket, outside
from tests.server.broker_double import BrokerDouble
from tests.server.jupyter_process import TOKEN, JupyterServer

NOBODY = "link/abc123/far.00000000"


@pytest.fixture
async def out(
    server: JupyterServer, jupyter_data: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Outside]:
    """A front door where this server's broker would have it."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(jupyter_data))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    address = Address(url=url(server).replace("ws:", "wss:"), plain_behind_proxy=True)
    async with outside(address) as made:
        yield made


def url(server: JupyterServer) -> str:
    return f"ws://127.0.0.1:{server.port}/jupyter-continuum"


class TestOutboundThroughJupyter(CarrierTests):
    @pytest.fixture
    def carrier(self, out: Outside) -> OutboundCarrier:
        return out.carrier

    @pytest.fixture
    async def agent(self, out: Outside, server: JupyterServer) -> AsyncIterator[Agent]:
        ticket = make_ticket("far", outbound=DialOut(url(server)))
        async with out.agent(echo, ticket=ticket) as agent:
            yield agent

    @pytest.fixture
    def nobody(self, out: Outside) -> Agent:
        out.trouble["jc-gone", 0] = "the network is gone."
        return Agent("jc-gone", 0, "n0", ())


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"token {TOKEN}"}])
async def test_a_browser_is_turned_away_whatever_it_holds(
    out: Outside, server: JupyterServer, headers: dict[str, str]
) -> None:
    opening = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    for origin in (f"http://127.0.0.1:{server.port}", "https://elsewhere.example", "null"):
        sent = opening | headers | {"Origin": origin}
        asking = asyncio.to_thread(
            server.ask, "GET", f"/jupyter-continuum/{NOBODY}", token=None, headers=sent
        )
        assert (await asking)[0] == 403


async def test_a_token_of_this_server_is_no_proof(out: Outside, server: JupyterServer) -> None:
    words = {"Authorization": f"token {TOKEN}"}
    async with connect(f"{url(server)}/{NOBODY}", additional_headers=words) as web:
        await web.recv()
        await web.send(b'{"nonce": "0", "proof": "0"}\n')
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionClosed):
                await web.recv()
    assert out.door.held == 0


async def test_strangers_have_seconds_here_too(
    out: Outside, server: JupyterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_door, "MEET_SECONDS", 0.5)
    async with connect(f"{url(server)}/{NOBODY}") as web:
        await web.recv()
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionClosed):
                await web.recv()


@pytest.mark.parametrize("path", [NOBODY, "link/abc123", "link/abc123/far.0/..", "link/x/y?z=1"])
async def test_without_a_front_door_there_is_nothing(server: JupyterServer, path: str) -> None:
    asking = asyncio.to_thread(server.ask, "GET", f"/jupyter-continuum/{path}", token=None)
    assert (await asking)[0] == 404


async def test_a_server_that_lets_nobody_in_without_a_token_lets_agents_pass(
    jupyter_data: Path,
    running_double: BrokerDouble,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = "c.ServerApp.allow_unauthenticated_access = False"
    starting = asyncio.to_thread(JupyterServer, tmp_path / "home", jupyter_data, config=config)
    strict = await starting
    try:
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(jupyter_data))
        monkeypatch.setenv("XDG_RUNTIME_DIR", "")
        address = Address(url="wss://hub.example.org/user/me", plain_behind_proxy=True)
        async with outside(address) as out:
            ticket = make_ticket("far", outbound=DialOut(url(strict)))
            async with out.agent(echo, ticket=ticket) as agent, asyncio.timeout(20):
                await out.door.until_held(agent.job, agent.rank)
    finally:
        strict.close()
