"""Copies that somebody asked for stay; others go. In one process, without the relay."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import dask
import pytest
from distributed import Client, Worker, wait

from jupyter_continuum.cluster.scheduler import ContinuumScheduler
from jupyter_continuum.cluster.wide_link import wide_link


@pytest.fixture
async def cluster():
    quiet = {"distributed.admin.log-length": 10, "distributed.comm.require-encryption": False}
    profile = dask.config.merge(dask.config.config, wide_link())
    with dask.config.set(profile), dask.config.set(quiet):
        async with AsyncExitStack() as stack:
            scheduler = await stack.enter_async_context(
                ContinuumScheduler(
                    protocol="inproc://", dashboard=False, dashboard_address="127.0.0.1:0"
                )
            )
            for number in range(4):
                worker = Worker(scheduler.address, name=str(number), nthreads=1, dashboard=False)
                await stack.enter_async_context(worker)
            yield (
                await stack.enter_async_context(Client(scheduler.address, asynchronous=True)),
                scheduler,
            )


@pytest.fixture
def client(cluster):
    return cluster[0]


async def copies(client, future) -> int:
    return len((await client.who_has([future]))[future.key])


async def settle(client) -> None:
    """Let the memory manager decide, and what it decided happen."""
    for _ in range(3):
        await client.amm.run_once()
        await client.run(lambda: None)


async def test_broadcast_ends_and_its_copies_stay(client):
    async with asyncio.timeout(30):
        future = await client.scatter(b"x" * 1000, broadcast=True)
    await settle(client)
    assert await copies(client, future) == 4


async def test_replicate_keeps_as_many_as_asked_for(client):
    future = client.submit(bytes, 1000)
    await wait(future)
    await client.replicate([future], n=3)
    await settle(client)
    assert await copies(client, future) == 3


async def test_replicate_to_fewer_lets_the_others_go(client):
    future = await client.scatter(b"x" * 1000, broadcast=True)
    await client.replicate([future], n=1)
    await settle(client)
    assert await copies(client, future) == 1


async def test_copies_that_nobody_asked_for_go(client):
    future = client.submit(bytes, 1000, workers=["0"])
    await wait([client.submit(len, future, workers=[str(n)], pure=False) for n in range(1, 4)])
    await settle(client)
    assert await copies(client, future) == 1


async def test_wanted_copies_are_forgotten_with_the_result(cluster):
    client, scheduler = cluster
    future = await client.scatter(b"x" * 1000, broadcast=True)
    assert len(scheduler.wanted_copies) == 1
    future.release()
    async with asyncio.timeout(10):
        while scheduler.tasks:  # nothing tells when a key is forgotten
            await asyncio.sleep(0.01)
    assert len(scheduler.wanted_copies) == 0
