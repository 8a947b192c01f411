"""Carriers that reach a gateway by dialling the endpoints that its agent announced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from jupyter_continuum.errors import CarrierDenied, SiteError, SiteUnreachable
from jupyter_continuum.sites.protocols import Agent, CarrierName, Endpoint, Forward


@dataclass(frozen=True, slots=True)
class DialledCarrier:
    """Takes the first endpoint that answers; ``forward`` opens a way to one of them."""

    name: CarrierName
    forward: Callable[[Endpoint, Path], Awaitable[Forward]]

    async def open(self, agent: Agent, path: Path) -> Forward:
        last: SiteError | None = None
        for endpoint in agent.endpoints:
            try:
                return await self.forward(endpoint, path)
            except CarrierDenied:
                raise  # the site's answer, whatever the endpoint
            except SiteError as error:
                last = error
        raise last or SiteUnreachable(
            f"The agent on {agent.node} announced no endpoint, so nobody can reach it."
        )
