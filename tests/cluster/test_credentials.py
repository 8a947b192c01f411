"""Credentials in the memory of workers, for as long as they are valid."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys

import cloudpickle
import pytest

from jupyter_continuum.cluster.credentials import (
    Credentials,
    Purse,
    Shared,
    TakeCredentials,
    check,
)
from jupyter_continuum.errors import ContinuumError

SECRET = "hunter2-e1f6"


@pytest.mark.parametrize(
    ("values", "minutes", "sentence"),
    [
        ({}, 1, "No credentials"),
        ({"A B": SECRET}, 1, "no name of"),
        ({"A": 7}, 1, "no text"),
        ({"A": SECRET + "\0"}, 1, "no text"),
        ({"A": SECRET}, 0, "at most a day"),
        ({"A": SECRET}, 2000, "at most a day"),
    ],
)
def test_what_cannot_be_shared_is_a_sentence_without_the_value(values, minutes, sentence):
    with pytest.raises(ContinuumError, match=sentence) as caught:
        check(values, minutes)
    assert SECRET not in str(caught.value)


async def test_a_variable_is_set_and_afterwards_as_before(monkeypatch):
    monkeypatch.setenv("JCT_THERE", "before")
    monkeypatch.delenv("JCT_NEW", raising=False)
    purse = Purse()
    purse.take({"JCT_THERE": SECRET, "JCT_NEW": SECRET}, 0.2)
    assert os.environ["JCT_THERE"] == os.environ["JCT_NEW"] == SECRET
    purse.take({"JCT_NEW": "other"}, 0.2)
    assert (os.environ["JCT_THERE"], os.environ["JCT_NEW"]) == ("before", "other")
    async with asyncio.timeout(10):
        while "JCT_NEW" in os.environ:
            await asyncio.sleep(0.02)
    assert os.environ["JCT_THERE"] == "before"


async def test_nothing_that_is_shown_or_pickled_holds_a_value():
    class Scheduler:
        def __init__(self):
            self.handlers = {}
            self.worker_plugins = {}

        async def broadcast(self, msg, on_error):
            return {}

    scheduler = Scheduler()
    credentials = Credentials(scheduler)  # type: ignore[arg-type]
    await credentials.share({"A": SECRET}, 60)
    assert credentials.valid()["values"] == {"A": SECRET}
    shown = [repr(credentials), repr(vars(credentials)["_shared"]), repr(Shared({"A": SECRET}))]
    shown += [repr(each) for each in scheduler.worker_plugins.values()]
    shown.append(repr(pickle.dumps(TakeCredentials())))
    assert not [text for text in shown if SECRET in text]
    await credentials.revoke()
    assert credentials.valid() == {"values": {}, "seconds": 0}
    assert scheduler.worker_plugins == {}


cloudpickle.register_pickle_by_value(sys.modules[__name__])
"""Workers cannot import this file."""


def state(dask_scheduler) -> str:
    """What a dump of the cluster's state would write."""
    return repr(dask_scheduler._to_dict())


def holds() -> str | None:
    return os.environ.get("JCT_KEY")


NAMES = ("north-1-0-0", "south-2-0-0")


async def taken(client, name: str) -> str | None:
    """What a task has of them: a worker that has just come may be asked before it has any."""
    return await client.submit(lambda: os.environ.get("JCT_KEY"), workers=[name], pure=False)


async def test_workers_have_them_until_they_are_revoked_also_those_that_join_or_start_again(home):
    await home.submit("north")
    async with home.client() as client:
        await client.wait_for_workers(1)
        shared = await client.scheduler.continuum_share(values={"JCT_KEY": SECRET}, seconds=60)
        assert shared == 1
        await home.submit("south", number=2)
        await client.wait_for_workers(2)
        assert [await taken(client, name) for name in NAMES] == [SECRET, SECRET]
        before = await client.run(os.getpid)
        await client.restart_workers(list(before))
        await client.wait_for_workers(2)
        assert set((await client.run(os.getpid)).values()).isdisjoint(before.values())
        assert [await taken(client, name) for name in NAMES] == [SECRET, SECRET]
        assert SECRET not in await client.run_on_scheduler(state)
        assert SECRET not in repr(await client.get_events())
        assert await client.scheduler.continuum_revoke() == 2
        assert set((await client.run(holds)).values()) == {None}


async def test_they_expire_by_themselves(home):
    await home.submit("north")
    async with home.client() as client:
        await client.wait_for_workers(1)
        await client.scheduler.continuum_share(values={"JCT_KEY": SECRET}, seconds=60)
        assert set((await client.run(holds)).values()) == {SECRET}
        await client.scheduler.continuum_share(values={"JCT_KEY": SECRET}, seconds=1)
        async with asyncio.timeout(20):
            while set((await client.run(holds)).values()) != {None}:
                await asyncio.sleep(0.1)
        valid = await client.scheduler.continuum_credentials()
        assert valid["values"] == {}
