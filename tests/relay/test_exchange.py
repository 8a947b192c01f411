"""Hub and two gateways: what is spliced, what is refused, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os

import pytest

from jupyter_continuum.errors import RelayError
from jupyter_continuum.relay.frames import HEADER, Kind
from jupyter_continuum.relay.link import WINDOW

from .conftest import Net, echo, until

BULK = 24 * 1024 * 1024


async def test_bytes_go_from_site_to_site_and_back(net: Net):
    await net.listen("b", "b.0:7", echo)
    reader, writer = await net.dial_from("a", "b.0:7")
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    assert net.hub.bytes == {("a", "b"): 5, ("b", "a"): 5}


async def test_home_and_sites_reach_each_other(net: Net):
    await net.listen("hub", "home.scheduler:1", echo)
    await net.listen("a", "a.0:9", echo)
    for source, target in (("a", "home.scheduler:1"), ("hub", "a.0:9"), ("a", "a.0:9")):
        reader, writer = await net.dial_from(source, target)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        writer.close()


async def test_one_direction_may_end_before_the_other(net: Net):
    async def answer_at_the_end(reader, writer):
        data = await reader.read()
        writer.write(hashlib.sha256(data).digest())
        writer.close()

    await net.listen("b", "b.0:7", answer_at_the_end)
    reader, writer = await net.dial_from("a", "b.0:7")
    data = os.urandom(BULK)
    writer.write(data)
    writer.write_eof()
    assert await reader.read() == hashlib.sha256(data).digest()
    writer.close()
    await until(lambda: net.hub.ends["b.0"].link.streams == 0)


async def test_all_that_was_written_before_closing_arrives(net: Net):
    """Also when the other direction was over first, and more was written than credit allows."""
    taken = asyncio.get_running_loop().create_future()

    async def finish_first(reader, writer):
        writer.write_eof()
        await until(lambda: net.streams() > 4)
        taken.set_result(len(await reader.read()))
        writer.close()

    await net.listen("b", "b.0:7", finish_first)
    reader, writer = await net.dial_from("a", "b.0:7")
    assert await reader.read() == b""
    writer.write(bytes(2 * WINDOW))
    writer.close()
    assert await taken == 2 * WINDOW


async def test_a_cut_link_is_resumed_and_nothing_is_lost(net: Net):
    await net.listen("b", "b.0:7", echo)
    reader, writer = await net.dial_from("a", "b.0:7")
    data = os.urandom(BULK)

    async def send():
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    got = bytearray()
    for number in range(1, 7):
        got += await reader.readexactly(BULK // 8)
        await net.cut("ab"[number % 2])
    got += await reader.read()
    await sending
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
    writer.close()


async def test_a_link_that_is_dialled_again_while_it_is_up_loses_nothing(net: Net):
    await net.listen("b", "b.0:7", echo)
    reader, writer = await net.dial_from("a", "b.0:7")
    data = os.urandom(BULK)
    writer.write(data)
    got = bytearray()
    for _ in range(6):
        net.dial("a")
        net.dial("a")
        net.dial("b")
        got += await reader.readexactly(BULK // 6)
    assert bytes(got) == data
    writer.close()


async def test_a_slow_reader_bounds_memory_and_stops_nobody_else(net: Net):
    go_on = asyncio.Event()

    async def slow(reader, writer):
        await go_on.wait()
        while await reader.read(1_000_000):
            pass
        writer.close()

    await net.listen("b", "b.0:7", slow)
    await net.listen("b", "b.0:8", echo)
    _, stuck = await net.dial_from("a", "b.0:7")
    stuck.write(bytes(8 * WINDOW))
    reader, writer = await net.dial_from("a", "b.0:8")
    data = os.urandom(BULK)
    sending = asyncio.create_task(drained(writer, data))
    assert await reader.readexactly(BULK) == data
    await sending
    assert net.hub.bytes["a", "b"] < BULK + 3 * WINDOW  # of the 8 that were written
    go_on.set()
    await stuck.drain()
    for each in (stuck, writer):
        each.close()
    await until(lambda: net.hub.ends["b.0"].link.streams == 0)


async def drained(writer, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def test_a_thousand_streams_leave_nothing_behind(net: Net):
    await net.listen("b", "b.0:7", echo)
    before = net.streams()

    async def ask(number: int) -> None:
        reader, writer = await net.dial_from("a", "b.0:7")
        word = number.to_bytes(4, "big") * 100
        writer.write(word)
        assert await reader.readexactly(400) == word
        writer.close()

    for batch in range(0, 1000, 100):
        await asyncio.gather(*(ask(batch + number) for number in range(100)))
    await until(lambda: net.streams() == before)


@pytest.mark.parametrize(
    ("source", "address", "sentence"),
    [
        ("a", "b.0:99", "nobody listens as b.0:99"),
        ("a", "a.0:99", "nobody listens as a.0:99"),
        ("a", "c.0:1", "nobody listens as c.0:1"),
        ("hub", "home.scheduler:1", "nobody listens as home.scheduler:1"),
        ("a", "nonsense", "not understood"),
    ],
)
async def test_who_is_not_there_is_told_in_a_sentence(net: Net, source, address, sentence):
    with pytest.raises(RelayError, match=sentence):
        await net.dial_from(source, address)
    await until(lambda: net.streams() == 0)


async def test_who_ceased_to_listen_is_not_there(net: Net):
    listening = await net.listen("b", "b.0:7", echo)
    listening.close()
    await until(lambda: not net.hub.remote_listeners["b.0"])
    for source in ("a", "b", "hub"):
        with pytest.raises(RelayError, match=r"b\.0:7 has ended"):
            await net.dial_from(source, "b.0:7")
    await net.listen("b", "b.0:7", echo)  # no worker does, but who says so is believed
    await net.dial_from("a", "b.0:7")


async def test_a_listener_that_died_is_told(net: Net):
    await net.listen("b", "b.0:7", echo)
    net._servers.pop().close()
    (net.folder / "b.0-7.listen").unlink(missing_ok=True)
    with pytest.raises(RelayError, match="the listener does not answer"):
        await net.dial_from("a", "b.0:7")


@pytest.mark.parametrize("address", ["b.0:7", "home.scheduler:1"])
async def test_nobody_listens_as_somebody_else(net: Net, address):
    with pytest.raises(RelayError, match="nobody may listen as"):
        await net.ask("a", {"listen": address, "path": "/x"})


async def test_an_agent_cannot_announce_the_address_of_another(net: Net):
    net.gateways["a"]._end.say({"listening": "b.0:7"})
    net.gateways["a"]._end.say({"listening": "home.scheduler:1"})
    await net.listen("a", "a.0:8", echo)
    assert net.hub.remote_listeners["a.0"] == {"a.0:8"}


async def test_an_agent_that_has_not_joined_reaches_nobody(net: Net):
    await net.add("c", join=False)
    await net.listen("hub", "home.scheduler:1", echo)
    with pytest.raises(RelayError, match=r"c\.0 has not joined"):
        await net.dial_from("c", "home.scheduler:1")


async def test_a_refused_join_is_the_sentence_of_the_refusal(net: Net):
    gateway = await net.add("c", join=False)
    asking = asyncio.create_task(gateway.join({}))
    await until(lambda: "c.0" in net.hub._joins)
    net.hub._do({"do": "refuse", "agent": "c.0", "reason": "another Python"})
    with pytest.raises(RelayError, match="another Python"):
        await asking


async def test_a_dialler_that_goes_away_leaves_nothing(net: Net):
    net.carriers["b"].cut()  # nobody answers there for now
    await net.listen("hub", "home.scheduler:1", echo)
    before = net.streams()
    await until(lambda: not net.hub.ends["b.0"].attached)
    net.hub.remote_listeners["b.0"] = {"b.0:7"}
    _, writer = await asyncio.open_unix_connection(net.folder / "a.sock")
    writer.write(json.dumps({"dial": "b.0:7"}).encode() + b"\n")
    await until(lambda: len(net.hub.ends["a.0"].asked) == 1)
    writer.close()
    await until(lambda: net.streams() == before)


async def test_a_link_that_breaks_the_rules_begins_anew(net: Net):
    await net.listen("b", "b.0:7", echo)
    reader, writer = await net.dial_from("a", "b.0:7")
    net.gateways["b"]._end._pipe.write((HEADER.pack(99, 0, 0),))
    assert await reader.read() == b""  # the stream ended with its link
    writer.close()
    await until(lambda: not net.hub.ends["b.0"].attached)
    net.dial("b")
    await until(lambda: "b.0:7" in net.hub.remote_listeners.get("b.0", ()))
    reader, writer = await net.dial_from("a", "b.0:7")
    writer.write(b"again")
    assert await reader.readexactly(5) == b"again"
    writer.close()


async def test_a_join_lost_with_its_first_link_is_said_again(net: Net):
    """The gateway thought that it was let in; the hub never heard its last word."""
    gateway = await net.add("c", join=False)
    net.hub._do({"do": "drop", "agent": "c.0"})
    asking = asyncio.create_task(gateway.join({"again": 1}))
    await until(lambda: not gateway._end.attached)
    net.dial("c")
    await until(lambda: "c.0" in net.hub._joins)
    assert net.hub._joins["c.0"] == {"again": 1}
    net.hub._do({"do": "grant", "agent": "c.0", "grant": {}})
    assert await asking == {}


async def test_a_grant_is_told_again_to_an_agent_that_lost_it(net: Net):
    gateway = net.gateways["a"]
    assert await gateway.join({"once": "more"}) == {"to": "a"}


@pytest.mark.parametrize(
    "said", [b"\n", b"[" * 4000 + b"\n", b"x" * 5000, b"{}\n", b"GET / HTTP/1.1\n"]
)
async def test_a_stranger_at_the_gateways_door_is_shut_out(net: Net, said):
    reader, writer = await asyncio.open_unix_connection(net.folder / "a.link")
    assert "nonce" in json.loads(await reader.readline())
    writer.write(said)
    assert await reader.read() == b""
    writer.close()
    assert net.hub.ends["a.0"].attached


async def test_strangers_who_say_nothing_do_not_keep_the_hub_out(net: Net):
    strangers = [await asyncio.open_unix_connection(net.folder / "a.link") for _ in range(40)]
    await net.cut("a")
    for _, writer in strangers:
        writer.close()


async def test_a_frame_may_not_come_before_the_join(net: Net):
    """OPEN from an agent that has not joined is refused by reset; other streams live on."""
    gateway = await net.add("c", join=False)
    stream = gateway._end.link.open("a.0:1")
    gateway._end.flush()
    await until(lambda: not gateway._end.link.is_open(stream))
    assert net.hub.ends["c.0"].attached
    assert Kind.OPEN == 1
