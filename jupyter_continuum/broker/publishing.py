"""What changes is told to every face that subscribed: at once, or gathered for a moment."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterable

from pydantic import BaseModel

from jupyter_continuum.broker.messages.clusters import ClusterView
from jupyter_continuum.broker.messages.events import ClusterEvent, ClusterGoneEvent, SiteEvent
from jupyter_continuum.broker.messages.sites import SiteView

PUBLISH_SECONDS = 0.25
"""Changes are gathered for so long before faces are told."""
Tell = Callable[[BaseModel], None]


class Publishing:
    """Who listens, and what has changed since they were told."""

    def __init__(
        self,
        site_view: Callable[[str], SiteView],
        cluster_view: Callable[[str], ClusterView | None],
    ) -> None:
        """``cluster_view`` gives None for a cluster that has gone meanwhile."""
        self._site_view = site_view
        self._cluster_view = cluster_view
        self._subscribers: dict[object, Tell] = {}
        self._sites: set[str] = set()
        self._clusters: set[str] = set()
        self._something_changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep_publishing())

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def subscribe(self, key: object, tell: Tell, present: Iterable[BaseModel]) -> None:
        """Tell ``tell`` the present state, then every change until ``unsubscribe(key)``."""
        for event in present:
            tell(event)
        self._subscribers[key] = tell

    def unsubscribe(self, key: object) -> None:
        self._subscribers.pop(key, None)

    def publish(self, event: BaseModel) -> None:
        """Tell it now."""
        for tell in list(self._subscribers.values()):
            tell(event)

    def site_changed(self, id: str) -> None:
        self._sites.add(id)
        self._something_changed.set()

    def cluster_changed(self, name: str) -> None:
        self._clusters.add(name)
        self._something_changed.set()

    def cluster_gone(self, name: str) -> None:
        self.publish(ClusterGoneEvent(name=name))

    async def _keep_publishing(self) -> None:
        while True:
            await self._something_changed.wait()
            await asyncio.sleep(PUBLISH_SECONDS)  # gather what changes together
            self._something_changed.clear()
            sites, self._sites = self._sites, set()
            clusters, self._clusters = self._clusters, set()
            try:
                for id in sites:
                    self.publish(SiteEvent(site=self._site_view(id)))
                for name in clusters:
                    if (view := self._cluster_view(name)) is not None:
                        self.publish(ClusterEvent(cluster=view))
            except Exception:  # the top of this loop: one odd view must not silence all others
                traceback.print_exc()
