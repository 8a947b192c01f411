"""Clusters at the sites that others started: listed, and led to. Nothing of them is read."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.messages.clusters import ForeignClusterView
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import Unknown
from jupyter_continuum.paths import socket_dir
from jupyter_continuum.sites.protocols import Agent, Forward, HostsClusters


def foreign_views(session: Session) -> list[ForeignClusterView]:
    """As they were at the last look."""
    return [
        ForeignClusterView(
            name=f"{session.site}/{each.name}",
            site=session.site,
            state=one_line(each.state, 40),
            workers=each.workers,
            attach=f'client = jc.attach("{session.site}/{each.name}").get_client()\nclient',
        )
        for each in (session.status.clusters if session.status else ())
    ]


class ForeignClusters:
    """One way to a cluster's scheduler, shared by all who attach; another once it has moved."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._open: dict[tuple[str, str], tuple[Agent, Forward]] = {}
        self._opening = asyncio.Lock()

    async def foreign_clusters(self) -> list[ForeignClusterView]:
        sessions = self._sites.sessions.values()
        return [view for session in sessions for view in foreign_views(session)]

    async def attach_foreign(self, *, site: str, name: str) -> dict[str, Any]:
        return {"socket": str(await self._way(self._sites.session(site), name))}

    async def close(self) -> None:
        ways, self._open = list(self._open.values()), {}
        await asyncio.gather(*(way.close() for _, way in ways))

    async def _way(self, session: Session, name: str) -> Path:
        """A Unix socket that leads there. Unknown, SiteError."""
        transport, key = session.transport, (session.site, name)
        if not isinstance(transport, HostsClusters):
            raise Unknown(f"{session.site} runs no clusters of its own. Launch one there.")
        async with self._opening:
            found = await session.attempt(lambda: transport.find_scheduler(name))
            before, way = self._open.get(key, (None, None))
            if way is not None:
                if before == found and way.path.exists():
                    return way.path
                await way.close()
            digest = hashlib.sha256("/".join(key).encode()).hexdigest()[:12]
            path = socket_dir() / "foreign" / f"{digest}.sock"
            way = await transport.carriers[0].open(found, path)
            self._open[key] = found, way
            return way.path
