"""Fourteen things people do with a cluster, each on workers that nobody can dial.

Two emulated sites, no TCP port at either; the relay is the only way to a worker. Stock Dask
behind such walls does two of the first eight.
"""

from __future__ import annotations

import asyncio

import dask
import dask.array as da
import numpy as np
import psutil
import pytest
import pytest_asyncio
from distributed import wait

from jupyter_continuum.server.relayed import fetch
from jupyter_continuum.sites.protocols import JobState

from .conftest import started_home

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKERS = ("sitea-1-0-0", "sitea-1-0-1", "siteb-1-0-0")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home():
    async with started_home() as home:
        await home.submit("sitea", workers=2)
        await home.submit("siteb", workers=1)
        yield home


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(home):
    async with home.client() as client:
        async with asyncio.timeout(60):
            await client.wait_for_workers(3)
        yield client


async def names(client) -> dict[str, str]:
    info = await client.scheduler.identity(n_workers=-1)
    return {each["name"]: address for address, each in info["workers"].items()}


async def test_nobody_can_dial_these_workers(client):
    assert sorted(await names(client)) == sorted(WORKERS)

    def listening_ports():
        return [
            connection.laddr.port
            for connection in psutil.Process().net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]

    assert set(map(tuple, (await client.run(listening_ports)).values())) == {()}
    assert set(map(tuple, (await client.run(listening_ports, nanny=True)).values())) == {()}


async def test_01_compute(client):
    assert await client.submit(lambda x: x + 1, 41, workers=["siteb-1-0-0"]) == 42


async def test_02_gather(client):
    futures = [client.submit(np.full, 1000, i, workers=[w]) for i, w in enumerate(WORKERS)]
    assert [each[0] for each in await client.gather(futures)] == [0, 1, 2]


async def test_03_dependency_across_sites(client):
    there = client.submit(np.arange, 500_000, workers=["sitea-1-0-0"])
    here = client.submit(np.sum, there, workers=["siteb-1-0-0"])
    assert await here == 500_000 * 499_999 // 2


async def test_04_run(client):
    assert list((await client.run(lambda: 7)).values()) == [7, 7, 7]


async def test_05_logs(client):
    logs = await client.get_worker_logs()
    assert len(logs) == 3
    assert all(any("Start worker at" in line for _, line in log) for log in logs.values())


async def test_06_scatter_with_broadcast(client):
    future = await client.scatter(np.zeros(100_000), broadcast=True)
    assert len((await client.who_has([future]))[future.key]) == 3


async def test_07_replicate_stays(client):
    future = client.submit(np.ones, 100_000, workers=["sitea-1-0-0"])
    await wait(future)
    await client.replicate([future], n=3)
    await client.amm.run_once()
    await client.amm.run_once()
    assert len((await client.who_has([future]))[future.key]) == 3


async def test_08_rebalance(client):
    futures = [
        client.submit(np.ones, 500_000 + i, workers=["sitea-1-0-0"], allow_other_workers=True)
        for i in range(9)
    ]
    await wait(futures)
    await client.rebalance(futures)
    assert [len(each) for each in await client.gather(futures)] == [500_000 + i for i in range(9)]


async def test_09_actors(client):
    class Counter:
        n = 0

        def add(self, amount: int) -> int:
            self.n += amount
            return self.n

    counter = await client.submit(Counter, actor=True, workers=["siteb-1-0-0"])
    assert await counter.add(2) == 2
    assert await counter.add(3) == 5


async def test_10_upload_file(client, tmp_path):
    module = tmp_path / "sent_along.py"
    module.write_text("answer = 42\n")
    await client.upload_file(str(module))

    def use():
        import sent_along

        return sent_along.answer

    assert set((await client.run(use)).values()) == {42}


async def test_11_p2p_shuffle(client):
    with dask.config.set({"array.rechunk.method": "p2p"}):
        x = da.random.default_rng(1).random((1200, 1200), chunks=(100, 1200))
        total = x.rechunk((1200, 100)).sum()
        found = await client.compute(total)
    assert np.isclose(found, await client.compute(x.sum()))


async def test_12_worker_pages(home, client):
    pages = home.folder / "dashboard.sock"
    healthy = await fetch(pages, "worker/siteb-1-0-0/health", {})
    assert (healthy.code, healthy.body) == (200, b"ok")
    overview = await fetch(pages, "worker/sitea-1-0-1/main", {})
    assert overview.code == 200
    assert b"relay://sitea." in overview.body


async def test_13_restart(client):
    before = await client.run(lambda: psutil.Process().pid)
    await client.restart(timeout=40)
    await client.wait_for_workers(3)
    after = await client.run(lambda: psutil.Process().pid)
    assert not set(before.values()) & set(after.values())


async def test_14_retire_gives_results_and_allocation_away(home, client):
    job = await home.submit("siteb", number=2)
    async with asyncio.timeout(60):
        await client.wait_for_workers(4)
    precious = client.submit(np.arange, 1000, workers=["siteb-2-0-0"], allow_other_workers=True)
    await wait(precious)
    await client.retire_workers([(await names(client))["siteb-2-0-0"]], close_workers=True)
    assert (await precious)[-1] == 999
    assert (await home.reached("siteb", job, JobState.ENDED)).reason == ""
    assert "retired" in await home.log("siteb", job)
