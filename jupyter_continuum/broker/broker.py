"""The broker: sites, clusters and prompts of one person, behind ``METHODS``."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from pydantic import BaseModel

from jupyter_continuum import __version__
from jupyter_continuum.broker.clusters.clusters import Clusters
from jupyter_continuum.broker.clusters.foreign import ForeignClusters
from jupyter_continuum.broker.clusters.holding import Holding
from jupyter_continuum.broker.clusters.methods import ClusterMethods
from jupyter_continuum.broker.clusters.orphans import Audit
from jupyter_continuum.broker.clusters.view import cluster_view
from jupyter_continuum.broker.clusters.waits import OwnWaits
from jupyter_continuum.broker.data.fetching import Fetching
from jupyter_continuum.broker.data.methods import DataMethods
from jupyter_continuum.broker.environments.comparing import Comparing
from jupyter_continuum.broker.environments.installed import Environments
from jupyter_continuum.broker.environments.methods import EnvironmentMethods
from jupyter_continuum.broker.environments.preparing import Preparing
from jupyter_continuum.broker.front_door.door import FrontDoor
from jupyter_continuum.broker.front_door.methods import AddressMethods
from jupyter_continuum.broker.lines import PROTOCOL
from jupyter_continuum.broker.messages.clusters import ClusterView
from jupyter_continuum.broker.messages.events import ClusterEvent, PromptEvent, SiteEvent
from jupyter_continuum.broker.messages.methods import METHODS
from jupyter_continuum.broker.probes.methods import ProbeMethods
from jupyter_continuum.broker.probes.probes import Probes
from jupyter_continuum.broker.prompts import Prompts
from jupyter_continuum.broker.publishing import Publishing
from jupyter_continuum.broker.sites.methods import SiteMethods
from jupyter_continuum.broker.sites.reach import Reach, today
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.sites.protocols import CarrierName

Method = Callable[..., Awaitable[Any]]  # each takes and gives what METHODS says of it


class Broker:
    """Everything one broker process knows: its parts, and how they hear of each other."""

    def __init__(self, *, lease_seconds: float | None = None) -> None:
        """``lease_seconds``: of clusters that nobody holds any more; their plan's when left out."""
        self.ended = asyncio.Event()
        self._publishing = Publishing(lambda id: self._sites.view(id), self._cluster_view)
        self._prompts = Prompts(self._publishing.publish)
        self._clusters = Clusters(
            self._find_session,
            changed=self._publishing.cluster_changed,
            gone=self._cluster_gone,
        )
        self._holding = Holding(self._clusters, lease_seconds=lease_seconds)
        self._front_door = FrontDoor(self._clusters.caller)
        self._address = AddressMethods(self._front_door, self._address_moved)
        self._reach = Reach()
        self._probes = Probes(self._publishing.site_changed, self._find_session)
        self._sites = Sites(
            self._prompts,
            self._site_changed,
            self._front_door,
            changed=self._publishing.site_changed,
            reach=self._reach,
            probing=self._probes.progress,
            waits=OwnWaits(self._clusters),
        )
        self._environments = Environments()
        self._preparing = Preparing(self._publishing.publish)
        self._fetching = Fetching(self._publishing.publish)
        self._foreign = ForeignClusters(self._sites)
        self.methods: dict[str, Method] = dict(self._methods())
        """By name, those that need not know who asks."""

    def _methods(self) -> Iterator[tuple[str, Method]]:
        parity = Comparing(self._environments, self._sites, self._reach)
        yield "version", self.version
        yield "shutdown", self.shutdown
        parts = (
            SiteMethods(
                self._sites,
                used_by=self._clusters.at,
                cancel_probe=self._probes.cancel,
                changed=self._publishing.site_changed,
            ),
            self._address,
            ProbeMethods(self._probes, self._sites, self._reach),
            EnvironmentMethods(self._preparing, self._environments, self._sites, self._clusters),
            ClusterMethods(
                self._clusters, self._sites, parity, self._holding, counters=self._counters
            ),
            DataMethods(self._sites, self._fetching, self._clusters),
            self._foreign,
            Audit(self._sites, lambda: self._probes.jobs | self._clusters.jobs()),
            self._prompts,
        )
        for name in METHODS:
            yield from ((name, getattr(part, name)) for part in parts if hasattr(part, name))

    async def start(self) -> None:
        """Open every site that has a profile, and take up clusters that still run."""
        await self._address.open_saved()
        self._sites.open_all()
        self._probes.resume()
        await self._clusters.resume()
        self._holding.resume()
        self._sites.credentials.start()
        self._publishing.start()

    async def close(self) -> None:
        """End the broker. Clusters go on; a later broker finds them."""
        self._publishing.close()
        await self._holding.close()
        await self._clusters.leave()
        # While the sites are still there to be told.
        await self._probes.close()
        await self._preparing.close()
        await self._fetching.close()
        await self._environments.close()
        await self._foreign.close()
        await self._sites.close()
        await self._front_door.close()

    async def version(self) -> dict[str, Any]:
        return {
            "protocol": PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
        }

    async def shutdown(self) -> dict[str, Any]:
        self.ended.set()
        return {}

    def subscribe(self, key: object, tell: Callable[[BaseModel], None]) -> None:
        """Tell ``tell`` the present state, then every change until ``unsubscribe(key)``."""
        self._publishing.subscribe(key, tell, self._present())

    def hold(self, key: object, name: str) -> None:
        """The cluster ``name`` is needed until ``release`` or, for its lease, ``face_gone``."""
        self._holding.hold(key, name)

    def release(self, key: object, name: str) -> None:
        self._holding.release(key, name)

    def face_gone(self, key: object) -> None:
        """The conversation ``key`` has ended."""
        self._publishing.unsubscribe(key)
        self._holding.gone(key)

    def _present(self) -> Iterator[BaseModel]:
        for id in self._sites.ids:
            yield SiteEvent(site=self._sites.view(id))
        for cluster in self._clusters:
            yield ClusterEvent(cluster=cluster_view(cluster, time.time()))
        for prompt in self._prompts.views():
            yield PromptEvent(prompt=prompt)

    def _find_session(self, site: str) -> Session | None:
        return self._sites.sessions.get(site)

    def _counters(self, site: str, offer: str) -> tuple[str, ...]:
        return self._reach.facts(site, offer, today()).energy or ()

    def _cluster_view(self, name: str) -> ClusterView | None:
        cluster = self._clusters.get(name)
        return cluster_view(cluster, time.time()) if cluster is not None else None

    def _cluster_gone(self, name: str) -> None:
        self._holding.forget(name)
        self._publishing.cluster_gone(name)

    def _site_changed(self, session: Session) -> None:
        self._environments.expect(session)
        self._sites.credentials.expect(session)
        self._reach.apply(session, today())  # what was measured may have expired
        self._publishing.site_changed(session.site)
        self._clusters.wake(session.site)

    def _address_moved(self) -> None:
        for session in self._sites.sessions.values():
            session.ways.ask_anew(CarrierName.OUTBOUND)
