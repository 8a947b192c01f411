from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.start import socket_path
from jupyter_continuum.errors import BrokerError, PlanRefused
from jupyter_continuum.server.link import BrokerLink
from tests.server.broker_double import BrokerDouble


@pytest.fixture
def own_double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BrokerDouble]:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    path = socket_path()
    double = BrokerDouble(path)
    yield double
    double.close()
    path.unlink(missing_ok=True)


@pytest.fixture
def events() -> asyncio.Queue[dict[str, Any]]:
    return asyncio.Queue()


@pytest.fixture
async def link(
    own_double: BrokerDouble, events: asyncio.Queue[dict[str, Any]]
) -> AsyncIterator[BrokerLink]:
    opened = BrokerLink(events.put_nowait)
    yield opened
    await opened.close()


async def test_one_conversation_serves_many_calls(
    link: BrokerLink, own_double: BrokerDouble
) -> None:
    own_double.answers["sites"] = ["a"]
    assert await asyncio.gather(*(link.call("sites") for _ in range(20))) == [["a"]] * 20
    assert own_double.conversations == 1


async def test_what_takes_too_long_goes_on_and_its_error_becomes_an_event(
    link: BrokerLink, own_double: BrokerDouble, events: asyncio.Queue[dict[str, Any]]
) -> None:
    own_double.errors["launch"] = ("PlanRefused", "No such offer.")
    with own_double.held():
        assert await link.call_within(0.05, "launch", plan={}) is None
    while (event := await asyncio.wait_for(events.get(), 10))["kind"] != "failure":
        continue
    assert event["message"] == "No such offer."


async def test_what_is_refused_in_time_is_raised(
    link: BrokerLink, own_double: BrokerDouble
) -> None:
    own_double.errors["launch"] = ("PlanRefused", "No such offer.")
    with pytest.raises(PlanRefused, match="No such offer"):
        await link.call_within(10, "launch", plan={})


async def test_a_look_is_repeated_when_the_broker_went_away_a_deed_is_not(
    link: BrokerLink, own_double: BrokerDouble, events: asyncio.Queue[dict[str, Any]]
) -> None:
    own_double.answers["sites"] = ["a"]
    await link.call("sites")
    own_double.hang_up()
    assert await link.call("sites") == ["a"]
    assert own_double.conversations == 2
    with own_double.held():
        stopping = asyncio.ensure_future(link.call("stop", name="c"))
        assert await asyncio.to_thread(own_double.holding.wait, 10)
        own_double.hang_up()
        with pytest.raises(BrokerError):
            await stopping


async def test_a_lost_broker_is_told(
    link: BrokerLink, own_double: BrokerDouble, events: asyncio.Queue[dict[str, Any]]
) -> None:
    await link.call("sites")
    assert (await asyncio.wait_for(events.get(), 10))["state"] == "ready"
    own_double.hang_up()
    event = await asyncio.wait_for(events.get(), 10)
    assert (event["kind"], event["state"]) == ("broker", "lost")
    assert event["message"]
