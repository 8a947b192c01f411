"""What faces ask of worker environments."""

from __future__ import annotations

from typing import Any

from jupyter_continuum.broker.clusters.clusters import Clusters
from jupyter_continuum.broker.environments.installed import Environments
from jupyter_continuum.broker.environments.preparing import (
    Preparing,
    earlier,
    prepared_view,
    wanted_at,
)
from jupyter_continuum.broker.messages.environments import PreparedView
from jupyter_continuum.broker.sites.profiles import load_profiles
from jupyter_continuum.broker.sites.sites import Sites


class EnvironmentMethods:
    """To build one at a site."""

    def __init__(
        self, preparing: Preparing, environments: Environments, sites: Sites, clusters: Clusters
    ) -> None:
        self._preparing = preparing
        self._environments = environments
        self._sites = sites
        self._clusters = clusters

    async def prepare(
        self,
        *,
        site: str,
        gpu: str = "",
        packages: list[str] | None = None,
        directory: str = "",
        under_home: bool = False,
        node_local: str = "",
        prune: bool = False,
    ) -> PreparedView:
        session = self._sites.session(site)
        wanted = wanted_at(
            session,
            gpu=gpu,
            packages=packages or [],
            directory=directory,
            under_home=under_home,
            node_local=node_local,
        )
        built = await self._preparing.run(session, wanted)
        self._environments.forget(site)
        # A face may have connected the site anew meanwhile.
        session = self._sites.session(site)
        profile = session.profile.model_copy(update={"python": built.python})
        await self._sites.connect(profile, self._clusters.at(site))
        # Of every site: two profiles may reach one file system.
        profiles = load_profiles().by_site.values()
        used = [*(profile.python for profile in profiles), *self._clusters.interpreters()]
        kept = await earlier(session, built, used=used, remove=prune is True)
        return prepared_view(session, built, kept)

    async def stop_preparing(self, *, site: str) -> dict[str, Any]:
        await self._preparing.stop(site)
        return {}
