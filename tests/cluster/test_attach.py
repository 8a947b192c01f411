"""A client in a person's own process."""

from __future__ import annotations

from distributed import Client, LocalCluster


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
