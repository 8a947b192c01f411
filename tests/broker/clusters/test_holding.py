"""A cluster that is held lives as long as somebody holds it; real clusters, with a short lease."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.client import BrokerClient, connect_broker
from jupyter_continuum.errors import BrokerError, Unknown
from jupyter_continuum.paths import data_dir
from tests.broker.conftest import broker_with_lease, emulated, kill_broker, processes

LEASE_SECONDS = 10
SECONDS = 60


async def launch(broker: BrokerClient, *names: str, holder: BrokerClient | None = None) -> None:
    """Held clusters with a scheduler, and a job that only waits; ``holder`` holds each at once."""
    await broker.call("connect", profile=emulated("slow", queue_seconds=600))
    group = {"offer": "slow/cpu"}

    async def one(name: str) -> None:
        await broker.call("launch", plan={"name": name, "groups": [group]}, held=True)
        if holder is not None:
            await holder.call("hold", name=name)

    await asyncio.gather(*map(one, names))


def stored() -> list[Path]:
    return list(data_dir().glob("clusters/*/cluster.json"))


async def until(broker: BrokerClient, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """All clusters by name, once ``met`` holds of them."""
    async with asyncio.timeout(SECONDS):
        while True:
            views = {view["name"]: view for view in await broker.call("clusters")}
            if met(views):
                return views
            await asyncio.sleep(0.05)


async def test_the_last_holder_that_goes_away_takes_its_cluster_along(state: Path) -> None:
    log = state / "log"
    with broker_with_lease(LEASE_SECONDS, log):
        async with connect_broker() as face, AsyncExitStack() as later:
            second = await later.enter_async_context(connect_broker())
            async with connect_broker() as holder:
                await launch(face, "lost", "again", "both", "free", holder=holder)
                await second.call("hold", name="both")
                await holder.call("release", name="free")
            views = await until(face, lambda views: views["lost"]["reason"])
            assert "went away without a word; it is stopped at" in views["lost"]["reason"]
            assert views["lost"]["state"] == "running"
            assert {views[name]["reason"] for name in ("both", "free")} == {""}
            await second.call("hold", name="again")
            views = await until(face, lambda views: "lost" not in views)
            assert set(views) == {"again", "both", "free"}
            assert {(view["state"], view["reason"]) for view in views.values()} == {("running", "")}
            with pytest.raises(Unknown, match="no cluster 'lost'"):
                await second.call("hold", name="lost")
            with pytest.raises(BrokerError, match="does not take these parameters"):
                await second.call("hold", cluster="again")
            for name in ("again", "both", "free"):
                await face.call("stop", name=name)
    said = log.read_text()
    assert f"lost: Whoever held it went away without a word, for {LEASE_SECONDS} s." in said
    assert "again: Whoever held it went away without a word; it is stopped at" in said
    assert "again: Whoever held it went away without a word, for" not in said
    assert processes() == []


async def test_a_later_broker_expects_the_holders_of_an_earlier_one(state: Path) -> None:
    log = state / "log"
    with broker_with_lease(LEASE_SECONDS, log) as broker:
        async with connect_broker() as holder:
            await launch(holder, "renewed", "killed", holder=holder)
            while any(json.loads(each.read_bytes())["state"] != "running" for each in stored()):
                await asyncio.sleep(0.05)
            kill_broker(broker.pid)
        broker.wait()
        with broker_with_lease(LEASE_SECONDS, log):
            async with connect_broker() as face:
                views = await until(face, lambda views: views["renewed"]["reason"])
                assert "started anew, and nobody holds it yet" in views["renewed"]["reason"]
                await face.call("hold", name="renewed")
                views = await until(face, lambda views: "killed" not in views)
                assert (views["renewed"]["state"], views["renewed"]["reason"]) == ("running", "")
                await face.call("stop", name="renewed")
    assert "killed: The broker started anew" in log.read_text()
    assert processes() == []


async def test_a_launch_whose_caller_was_killed_is_stopped(state: Path) -> None:
    with broker_with_lease(LEASE_SECONDS, state / "log"):
        async with connect_broker() as face:
            async with connect_broker() as launching:
                task = asyncio.create_task(launch(launching, "orphan"))
                await until(face, lambda views: "orphan" in views)
            with pytest.raises(BrokerError):
                await task
            await until(face, lambda views: not views)
    assert processes() == []
