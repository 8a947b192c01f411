"""Carrier C over real TLS, WebSockets and a real proxy, with the agent's own code dialling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jupyter_continuum.broker.front_door.carrier import OutboundCarrier
from jupyter_continuum.errors import CarrierDenied, SiteUnreachable
from jupyter_continuum.sites.protocols import Agent, CarrierName
from jupyter_continuum.sites.testing import CarrierTests, echoed
from tests.dial_out import Outside, echo, outside, proxy


@pytest.fixture
async def out() -> AsyncIterator[Outside]:
    async with outside() as made:
        yield made


class TestOutbound(CarrierTests):
    @pytest.fixture
    def carrier(self, out: Outside) -> OutboundCarrier:
        return out.carrier

    @pytest.fixture
    async def agent(self, out: Outside) -> AsyncIterator[Agent]:
        async with out.agent(echo) as agent:
            yield agent

    @pytest.fixture
    def nobody(self, out: Outside) -> Agent:
        out.trouble["jc-gone", 0] = "the network is gone."
        return Agent("jc-gone", 0, "n0", ())


class TestOutboundThroughAProxy(TestOutbound):
    @pytest.fixture
    async def agent(self, out: Outside, tmp_path: Path) -> AsyncIterator[Agent]:
        with proxy(tmp_path, reach=out.port) as there:
            async with out.agent(echo, environment=there.environment) as agent:
                yield agent


async def test_without_an_address_the_sentence_says_how_to_have_one(
    out: Outside, tmp_path: Path
) -> None:
    carrier = out.carrier
    assert carrier.name is CarrierName.OUTBOUND
    await out.door.close()
    with pytest.raises(CarrierDenied, match="`jupyter continuum address wss://HOST:PORT`"):
        await carrier.open(Agent("jc-x", 0, "n0", ()), tmp_path / "f.sock")


async def test_an_agent_that_never_dials_is_waited_for_and_named(
    out: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_continuum.broker.front_door.carrier.PATIENCE_SECONDS", 0.5)
    with pytest.raises(SiteUnreachable, match=r"n7 has not dialled wss://127\.0\.0\.1"):
        await out.carrier.open(Agent("jc-x", 0, "n7", ()), tmp_path / "f.sock")


async def test_a_proxy_that_wants_a_name_is_said_to(out: Outside, tmp_path: Path) -> None:
    with proxy(tmp_path, reach=out.port) as there:
        async with out.agent(echo, environment=there.nameless) as agent:
            with pytest.raises(SiteUnreachable) as told:
                await out.carrier.open(agent, tmp_path / "f.sock")
    assert f"the proxy at 127.0.0.1:{there.port} wants a user name and password" in str(told.value)


async def test_a_wrong_password_is_said_and_never_shown(out: Outside, tmp_path: Path) -> None:
    with proxy(tmp_path, reach=out.port) as there:
        wrong = {"HTTPS_PROXY": f"http://grant:not-the-word@127.0.0.1:{there.port}"}
        async with out.agent(echo, environment=wrong) as agent:
            with pytest.raises(SiteUnreachable) as told:
                await out.carrier.open(agent, tmp_path / "f.sock")
    assert "takes neither the user name nor the password" in str(told.value)
    assert "not-the-word" not in str(told.value)


async def test_a_proxy_that_does_not_let_it_through_is_named(out: Outside, tmp_path: Path) -> None:
    with proxy(tmp_path, reach=443) as there:
        async with out.agent(echo, environment=there.environment) as agent:
            with pytest.raises(SiteUnreachable, match=r"does not let this node through .*403"):
                await out.carrier.open(agent, tmp_path / "f.sock")


async def test_a_host_in_no_proxy_is_dialled_directly(out: Outside, tmp_path: Path) -> None:
    nowhere = {"https_proxy": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    async with out.agent(echo, environment=nowhere) as agent:
        forward = await out.carrier.open(agent, tmp_path / "f.sock")
        await forward.close()


async def test_a_pipe_breaks_with_its_proxy_and_the_next_one_comes_when_it_is_back(
    out: Outside, tmp_path: Path
) -> None:
    with proxy(tmp_path, reach=out.port) as there:
        async with out.agent(echo, environment=there.environment) as agent:
            forward = await out.carrier.open(agent, tmp_path / "f.sock")
            reader, writer = await asyncio.open_unix_connection(tmp_path / "f.sock")
            writer.write(b"before")
            assert await reader.readexactly(6) == b"before"
            there.kill()
            async with asyncio.timeout(10):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read(1) == b""
            there.start(reach=out.port)
            writer.close()
            assert await echoed(tmp_path / "f.sock", b"after") == b"after"
            await forward.close()
