"""The front door against strangers: what they can do, which must be nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from jupyter_continuum.broker.front_door import door as front_door
from jupyter_continuum.broker.front_door.address import Address
from jupyter_continuum.broker.front_door.certificate import make_authority, make_leaf
from jupyter_continuum.broker.start import front_door_path
from jupyter_continuum.errors import BrokerError, SiteUnreachable
from jupyter_continuum.relay import handshake
from jupyter_continuum.sites.testing import echoed
from jupyter_continuum.worker.ticket import DialOut
from tests.dial_out import CLUSTER, Outside, echo, make_ticket, outside
from tests.free_port import free_port


@pytest.fixture
async def out() -> AsyncIterator[Outside]:
    async with outside() as made:
        yield made


BEHIND = Address(url="wss://hub.example.org/user/me", plain_behind_proxy=True)


def knocking(out: Outside, name: str, **words: object) -> connect:
    """A WebSocket to the door, by somebody who trusts it."""
    told = out.told
    tls = ssl.create_default_context(cadata=told.authority)
    return connect(f"{told.url}/link/{CLUSTER}/{name}", ssl=tls, proxy=None, **words)


async def prove(web: ClientConnection, name: str, token: str) -> None:
    challenge = await web.recv(decode=False)
    key = handshake.link_key(token)
    await web.send(handshake.caller_answer(challenge, key=key, cluster=CLUSTER, agent=name))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def was_shut_out(web: ClientConnection) -> bool:
    try:
        async with asyncio.timeout(5):
            await web.recv()
    except ConnectionClosed:
        return True
    return False


async def test_who_does_not_know_the_key_is_shut_out(out: Outside) -> None:
    async with out.agent(echo) as agent:
        await out.door.until_held(agent.job, agent.rank)
        name = next(iter(out.callers))
        async with knocking(out, name) as web:
            await prove(web, name, "another token")
            assert await was_shut_out(web)
        assert out.door.holds(agent.job, agent.rank)


async def test_a_proof_for_one_agent_is_none_for_another_and_none_twice(out: Outside) -> None:
    ticket = make_ticket("far", outbound=out.told)
    async with out.agent(echo, ticket=ticket), out.agent(echo):
        own, other = out.callers
        async with knocking(out, other) as web:
            await prove(web, own, ticket.token)
            assert await was_shut_out(web)
        async with knocking(out, own) as web:
            await web.recv()
            _, stale = handshake.door_challenge()
            key = handshake.link_key(ticket.token)
            await web.send(handshake.caller_answer(stale, key=key, cluster=CLUSTER, agent=own))
            assert await was_shut_out(web)


@pytest.mark.parametrize(
    "answer",
    [rb'{"nonce": "a", "proof": "\ud800"}', b"[" * 100_000, b"\xff", b'{"proof": 1}', b"null"],
    ids=["surrogate", "deep", "no text", "number", "null"],
)
async def test_an_answer_that_is_none_leaves_nothing_open(out: Outside, answer: bytes) -> None:
    before = open_files()
    async with knocking(out, "far.00000000") as web:
        await web.recv()
        await web.send(answer)
        assert await was_shut_out(web)
    async with asyncio.timeout(5):
        while open_files() > before:
            await asyncio.sleep(0.01)
    assert out.door.held == 0


@pytest.mark.parametrize("name", ["far.00000000", "far.0/../x", "?", "far.00000000?x=1"])
async def test_nobody_learns_which_agents_there_are(out: Outside, name: str) -> None:
    async with knocking(out, name) as web:
        await prove(web, name, "token")
        assert await was_shut_out(web)
    assert out.door.held == 0


async def test_a_browser_is_turned_away_wherever_it_comes_from(out: Outside) -> None:
    for origin in (out.told.url.replace("wss", "https"), "https://elsewhere.example"):
        with pytest.raises(InvalidStatus) as told:
            await knocking(out, "far.00000000", additional_headers={"Origin": origin})
        assert told.value.response.status_code == 403


@pytest.mark.parametrize(
    "words", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + bytes(99), bytes(70_000)]
)
async def test_other_tongues_are_closed(words: bytes) -> None:
    async with outside(BEHIND):
        reader, writer = await asyncio.open_unix_connection(front_door_path())
        writer.write(words)
        writer.write_eof()
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                answer = await reader.read()
                assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
        writer.close()


async def test_who_says_nothing_has_to_go(out: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "MEET_SECONDS", 0.3)
    async with asyncio.timeout(30):
        while True:  # until the greeting was done within that time
            with contextlib.suppress(OSError, EOFError, WebSocketException):
                async with knocking(out, "far.00000000") as web:
                    await web.recv()
                    assert await was_shut_out(web)
                    return


async def test_a_crowd_of_strangers_is_bounded_and_in_nobodys_way(
    out: Outside, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(front_door, "STRANGERS", 8)
    address = out.door.address
    assert address is not None
    assert address.listens_at is not None
    async with out.agent(echo) as agent:
        forward = await out.carrier.open(agent, tmp_path / "f.sock")
        reader, writer = await asyncio.open_unix_connection(tmp_path / "f.sock")
        writer.write(b"1")
        assert await reader.readexactly(1) == b"1"
        crowd = [await asyncio.open_connection(*address.listens_at) for _ in range(40)]
        async with asyncio.timeout(5):  # all but the last few were closed again
            with contextlib.suppress(ConnectionError):
                for there, _ in crowd[:30]:
                    assert await there.read() == b""
        assert len(out.door._strangers) <= 8
        writer.write(b"2")
        assert await reader.readexactly(1) == b"2"
        for _, there in crowd:
            there.transport.abort()
        assert await echoed(tmp_path / "f.sock", b"and another") == b"and another"
        writer.transport.abort()
        await forward.close()


async def test_an_agent_that_dials_again_replaces_what_it_has_given_up(out: Outside) -> None:
    ticket = make_ticket("far", outbound=out.told)
    async with out.agent(echo, ticket=ticket):
        pass
    async with out.agent(echo, ticket=ticket, known=True) as agent:
        await out.door.until_held(agent.job, agent.rank)
        async with knocking(out, ticket.name) as web:
            await prove(web, ticket.name, ticket.token)
            assert handshake.is_door_word(await web.recv(decode=False), "held")
            assert out.door.held == 1


async def test_an_agent_that_hangs_up_is_held_no_longer(out: Outside) -> None:
    async with out.agent(echo) as agent:
        await out.door.until_held(agent.job, agent.rank)
    async with asyncio.timeout(5):
        while out.door.held:
            await asyncio.sleep(0.01)


async def test_behind_a_proxy_it_is_dialled_by_its_unix_socket(out: Outside) -> None:
    assert not front_door_path().exists()  # nobody was told of it
    await out.door.open(BEHIND)
    ticket = make_ticket("far", outbound=out.told)
    async with out.agent(echo, ticket=ticket):
        uri = f"ws://any/user/me/link/{CLUSTER}/{ticket.name}"
        async with unix_connect(str(front_door_path()), uri) as web:
            await prove(web, ticket.name, ticket.token)
            assert handshake.is_door_word(await web.recv(decode=False), "held")


async def test_another_certificate_is_refused_before_anything_is_sent(
    out: Outside, tmp_path: Path
) -> None:
    ticket = make_ticket("far", outbound=DialOut(out.told.url))  # what this system trusts
    async with out.agent(echo, ticket=ticket) as agent:
        with pytest.raises(SiteUnreachable, match="does not have the certificate of your front"):
            await out.carrier.open(agent, tmp_path / "f.sock")


async def test_a_port_in_use_is_a_sentence_and_the_door_says_it() -> None:
    async with outside() as first:
        assert first.door.address is not None
        door = front_door.FrontDoor(lambda cluster, agent: None)
        with pytest.raises(BrokerError, match=r"cannot listen at 127\.0\.0\.1:\d+ .*in use"):
            await door.open(first.door.address)
        assert "in use" in door.fault
        assert door.invitation() is None
        await door.close()


async def test_a_certificate_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("no certificate")
    (tmp_path / "k").write_text("no key")
    url = f"wss://127.0.0.1:{free_port()}"
    door = front_door.FrontDoor(lambda cluster, agent: None)
    for chain in ("c", "missing"):
        address = Address(url=url, certificate=tmp_path / chain, key=tmp_path / "k")
        with pytest.raises(BrokerError, match=f"The certificate .*/{chain} with its key"):
            await door.open(address)
    await door.close()


async def test_a_certificate_that_breaks_later_is_said_and_mended_without_a_restart(
    tmp_path: Path,
) -> None:
    now, url = datetime.now(UTC), f"wss://127.0.0.1:{free_port()}"
    make_authority(tmp_path, now)
    make_leaf(tmp_path, "127.0.0.1", now)
    chain, key = tmp_path / "leaf.pem", tmp_path / "leaf.key"
    async with outside(Address(url=url, certificate=chain, key=key)) as out:
        ticket = make_ticket("far", outbound=DialOut(url, (tmp_path / "ca.pem").read_text()))
        good = chain.read_bytes()
        chain.write_text("half of it")
        async with out.agent(echo, ticket=ticket) as agent:
            async with asyncio.timeout(10):
                while not out.door.fault:
                    await asyncio.sleep(0.01)
            assert "leaf.pem" in out.door.fault
            chain.write_bytes(good)
            async with asyncio.timeout(10):
                await out.door.until_held(agent.job, agent.rank)
            assert out.door.fault == ""


async def test_the_certificate_is_for_the_address_and_renewed_when_that_changes() -> None:
    door = front_door.FrontDoor(lambda cluster, agent: None)
    authorities = set()
    for host in ("localhost", "127.0.0.1", "localhost"):
        port = free_port()
        await door.open(Address(url=f"wss://{host}:{port}"))
        told = door.invitation()
        assert told is not None
        authorities.add(told["authority"])
        tls = ssl.create_default_context(cadata=told["authority"])
        async with connect(f"wss://{host}:{port}/x", ssl=tls, proxy=None) as web:
            assert await web.recv()
    assert len(authorities) == 1  # jobs that run go on trusting it
    await door.close()
