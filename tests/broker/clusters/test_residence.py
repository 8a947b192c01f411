"""A bond holds once the scheduler says so, and is given up where it cannot be."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.clusters.admission import Admission
from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.hub_control import HubControl
from jupyter_continuum.broker.clusters.job import JobEntry
from jupyter_continuum.broker.clusters.residence import Residence
from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.residency import Residency
from tests.broker.clusters.test_joining import GROUP

KEPT = Residency(dataset="kept", stays="site", site="north", law=None)


@dataclass
class Bindable:
    """A cluster with a group at north, and one at south that has no jobs."""

    name: str = "main"
    groups: dict[str, Any] = field(default_factory=dict)
    saved: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.residence = Residence(self)
        for site, wanted in (("north", 1), ("south", 0)):
            plan = replace(GROUP, name=site, site=site)
            self.groups[site] = Group(self, plan, wanted)  # type: ignore[arg-type]

    def save(self) -> None:
        self.saved.append(self.residence.to_disk())

    save_later = save

    def changed(self) -> None:
        pass


async def ask(residence: Residence, **told: Any) -> dict[str, Any]:
    said = {"kept": None, "refused": "", "elsewhere": []} | told
    async with asyncio.timeout(10):
        return await residence.follow(**said)


async def test_a_bond_is_kept_once_the_scheduler_obeys() -> None:
    cluster = Bindable()
    bound = cluster.residence
    opening = asyncio.create_task(bound.bind(KEPT, lambda _: None))
    order = await ask(bound)
    assert order["sites"] == ["north"]
    assert cluster.saved[-1]["asked"]["dataset"] == "kept"  # before the scheduler has heard of it
    assert not opening.done()
    assert "kept must stay at north" in bound.why_not("south")
    waiting = asyncio.create_task(ask(bound, kept=["north"]))
    await opening
    assert [each.said for each in bound.views()] == [
        "kept must stay at north: no workers but at north are let in."
    ]
    await bound.bind(KEPT, lambda _: None)  # once more: it holds already
    await bound.bind(replace(KEPT, dataset="other"), lambda _: None)  # and asks for no more
    waiting.cancel()
    later = Bindable().residence
    later.from_disk(cluster.saved[-1])
    assert (later.bonds, later.sites) == (bound.bonds, ["north"])


async def test_workers_that_are_still_elsewhere_are_named_and_nothing_is_bound() -> None:
    bound = Bindable().residence
    opening = asyncio.create_task(bound.bind(KEPT, lambda _: None))
    order = await ask(bound)
    asking = asyncio.create_task(ask(bound, refused=order["attempt"], elsewhere=["south"]))
    with pytest.raises(PlanRefused, match="it would be read with south"):
        await opening
    assert (bound.sites, bound.why_not("south"), bound.views()) == (None, "", [])
    again = asyncio.create_task(bound.bind(KEPT, lambda _: None))
    assert (await asking)["attempt"] != order["attempt"]  # told at once, though it refused before
    waiting = asyncio.create_task(ask(bound, kept=["north"]))
    await again
    waiting.cancel()


async def test_what_an_earlier_broker_asked_for_is_settled_with_the_scheduler() -> None:
    cluster = Bindable()
    opening = asyncio.create_task(cluster.residence.bind(KEPT, lambda _: None))
    await ask(cluster.residence)
    opening.cancel()
    for told, kept in ({"kept": ["north"]}, True), ({"elsewhere": ["south"]}, False):
        later = Bindable().residence
        later.from_disk(cluster.saved[-1])
        order = await ask(later)
        waiting = asyncio.create_task(ask(later, **{"refused": order["attempt"], **told}))
        await asyncio.sleep(0)
        assert bool(later.bonds) == bool(later.sites) == kept
        waiting.cancel()


async def test_a_group_that_waits_elsewhere_is_not_ended_behind_anybodys_back() -> None:
    cluster = Bindable()
    cluster.groups["south"].wanted = 1
    with pytest.raises(PlanRefused, match=r"group south at south.*scale main south 0"):
        await cluster.residence.bind(KEPT, lambda _: None)
    assert not cluster.saved


async def test_an_agent_that_comes_late_is_turned_away_and_says_why() -> None:
    cluster = Bindable()
    opening = asyncio.create_task(cluster.residence.bind(KEPT, lambda _: None))
    await ask(cluster.residence)
    late = cluster.groups["south"]
    job = JobEntry.plan("main", late.plan, 0)
    orders: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await orders.put(await reader.readline())
        writer.close()

    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        path = Path(folder) / "hub.ctl"
        hub = HubControl(path, lambda news: None, lambda: False)
        admission = Admission(
            hub,
            make_authority("main"),
            lambda name: (late, job, job.agents[0]),
            barred=cluster.residence.why_not,
            joined=lambda group, environment: None,
        )
        async with await asyncio.start_unix_server(listen, path):
            hub.start()
            await hub.connected(10)
            admission.ask("south.a", {})
            async with asyncio.timeout(10):
                order = json.loads(await orders.get())
            await hub.close()
    await admission.close()
    opening.cancel()
    assert (order["do"], order["agent"]) == ("refuse", "south.a")
    assert order["reason"] == job.agents[0].refused
    assert "gets no workers at south as long as it lives" in order["reason"]
