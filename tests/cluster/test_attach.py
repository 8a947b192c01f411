"""A client in a person's own process."""

from __future__ import annotations

import dask
import pytest
from distributed import Client, LocalCluster

from jupyter_continuum.cluster.new_client import new_client


async def test_a_cluster_of_dasks_own_runs_beside_one_of_ours(home):
    await home.submit("sitea")
    async with home.client() as ours:
        await ours.wait_for_workers(1)
        async with (
            LocalCluster(
                n_workers=1,
                processes=False,
                protocol="tcp://",
                dashboard_address=None,
                asynchronous=True,
            ) as cluster,
            Client(cluster, asynchronous=True) as theirs,
        ):
            assert await theirs.submit(sum, [1, 2]) == 3
        assert await ours.submit(sum, [3, 4]) == 7


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first first", "last first"])
async def test_dask_computes_by_itself_once_all_clients_are_closed(order):
    """A cell that attaches was run twice, say: with stock clients Dask goes on asking for one."""
    before = dask.config.get("scheduler", None)
    async with LocalCluster(
        n_workers=0, processes=False, protocol="tcp://", dashboard_address=None, asynchronous=True
    ) as cluster:
        opened = [
            await new_client(cluster.scheduler_address, asynchronous=True),
            await new_client(cluster.scheduler_address, asynchronous=True),
        ]
        for each in order:
            await opened[each].close()
    assert dask.config.get("scheduler", None) == before
    assert dask.delayed(sum)([1, 2]).compute() == 3
