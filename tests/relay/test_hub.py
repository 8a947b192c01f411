"""The hub as the process that it is, steered over its control socket."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from jupyter_continuum.relay.gateway import Gateway
from jupyter_continuum.relay.handshake import link_key

KEY = link_key("token")


class Steered:
    """A hub and one broker of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unasked: list[dict] = []

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "jupyter_continuum.relay.hub", str(self.folder)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert json.loads(await self.process.stdout.readline()) == {"ready": True}
        await self.connect()

    async def connect(self) -> None:
        self._unasked.clear()
        self.reader, self.writer = await asyncio.open_unix_connection(self.folder / "hub.ctl")

    def order(self, **what) -> None:
        self.writer.write(json.dumps(what).encode() + b"\n")

    async def news(self, on: str) -> dict:
        """The next of its kind; the others are kept, as no order of them is promised."""
        for message in self._unasked:
            if message["on"] == on:
                self._unasked.remove(message)
                return message
        async with asyncio.timeout(20):
            while True:
                message = json.loads(await self.reader.readline())
                if message["on"] == on:
                    return message
                if message["on"] != "stats":  # of which the newest is wanted
                    self._unasked.append(message)

    def dial(self, path: Path, key: bytes = KEY) -> None:
        self.order(do="dial", agent="a.0", path=str(path), key=key.hex())

    async def end(self) -> str:
        """End it as the broker does; what it wrote to stderr."""
        self.order(do="exit")
        async with asyncio.timeout(20):
            _, errors = await self.process.communicate()
        self.writer.close()
        return errors.decode()


@pytest.fixture
async def hub():
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        hub = Steered(Path(folder))
        await hub.start()
        yield hub
        if hub.process.returncode is None:
            await hub.end()


@pytest.fixture
async def gateway(hub):
    gateway = await Gateway.open(
        site="a",
        agent="0",
        key=KEY,
        listen=hub.folder / "a.link",
        local_path=hub.folder / "a.sock",
    )
    yield gateway
    await gateway.close()


async def test_a_join_is_told_and_granted(hub, gateway):
    asking = asyncio.create_task(gateway.join({"node": "n1"}))
    hub.dial(hub.folder / "a.link")
    assert (await hub.news("up"))["agent"] == "a.0"
    assert (await hub.news("join")) == {"on": "join", "agent": "a.0", "request": {"node": "n1"}}
    hub.order(do="grant", agent="a.0", grant={"scheduler": "x"})
    assert await asking == {"scheduler": "x"}
    assert (await hub.news("stats"))["up"] == ["a.0"]
    assert await hub.end() == ""


async def test_a_broker_that_comes_again_is_told_what_it_missed(hub, gateway):
    asking = asyncio.create_task(gateway.join({}))
    hub.dial(hub.folder / "a.link")
    await hub.news("join")
    hub.writer.close()
    await hub.connect()
    assert (await hub.news("up"))["agent"] == "a.0"
    assert (await hub.news("join"))["agent"] == "a.0"
    hub.order(do="grant", agent="a.0", grant={})
    await asking


async def test_a_gateway_with_another_key_is_not_up(hub, gateway):
    hub.dial(hub.folder / "a.link", link_key("another"))
    assert "closed the connection" in (await hub.news("down"))["reason"]


async def test_a_gateway_that_is_not_there_is_told(hub):
    hub.dial(hub.folder / "nobody")
    assert "No such file" in (await hub.news("down"))["reason"]


async def test_end_reaches_the_agent_and_drop_forgets_it(hub, gateway):
    hub.dial(hub.folder / "a.link")
    await hub.news("up")
    hub.order(do="end", agent="a.0")
    async with asyncio.timeout(20):
        await gateway.ended.wait()
    hub.order(do="drop", agent="a.0")
    while (await hub.news("stats"))["up"]:
        pass


async def test_its_sockets_are_the_owners_alone(hub):
    for name in ("hub.sock", "hub.ctl"):
        assert stat.S_IMODE((hub.folder / name).stat().st_mode) == 0o600


async def test_nonsense_from_a_broker_ends_that_connection_only(hub):
    hub.writer.write(b"nonsense\n")
    await hub.reader.read()  # until it hangs up
    hub.writer.close()
    await hub.connect()
    await hub.news("stats")
    assert "the broker went away" in await hub.end()
