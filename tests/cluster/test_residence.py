"""A worker that comes where data must not be is never one: real agents, and a real hub."""

from __future__ import annotations

import asyncio
import sys

import cloudpickle

from .conftest import Home

# The scheduler and the workers do not have this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def keep_to(dask_scheduler, site: str) -> tuple[list[str], list[str] | None]:
    elsewhere, kept = dask_scheduler.keep_to([site]), dask_scheduler.kept_to
    return elsewhere, None if kept is None else sorted(kept)


def ever_joined(dask_scheduler) -> list[str]:
    return [event["worker"] for _, event in dask_scheduler.get_events("all")
            if event["action"] == "add-worker"]  # fmt: skip


async def test_who_comes_late_is_not_let_in(home: Home) -> None:
    await home.submit("north")
    async with home.client() as client:
        await client.wait_for_workers(1)
        refused = (["north"], None)
        assert await client.run_on_scheduler(keep_to, site="south") == refused
        assert await client.run_on_scheduler(keep_to, site="north") == ([], ["north"])
        late = await home.submit("south")
        async with asyncio.timeout(60):
            while "is not let in: data that this cluster" not in await home.log("south", late):
                await asyncio.sleep(0.1)
        assert all("north" in each for each in await client.run_on_scheduler(ever_joined))
        await home.submit("north", number=2)
        await client.wait_for_workers(2)
