"""What follows ``subscribe``: the present state, then each change."""

from __future__ import annotations

from typing import Literal

from jupyter_continuum.broker.messages.clusters import ClusterView
from jupyter_continuum.broker.messages.datasets import FetchState
from jupyter_continuum.broker.messages.message import Message
from jupyter_continuum.broker.messages.prompts import PromptView
from jupyter_continuum.broker.messages.sites import SiteView


class SiteEvent(Message):
    kind: Literal["site"] = "site"
    site: SiteView


class ClusterEvent(Message):
    kind: Literal["cluster"] = "cluster"
    cluster: ClusterView


class ClusterGoneEvent(Message):
    kind: Literal["cluster-gone"] = "cluster-gone"
    name: str


class PromptEvent(Message):
    kind: Literal["prompt"] = "prompt"
    prompt: PromptView


class PromptGoneEvent(Message):
    kind: Literal["prompt-gone"] = "prompt-gone"
    id: str


class PrepareEvent(Message):
    """How far a worker environment is."""

    kind: Literal["prepare"] = "prepare"
    name: str
    """The site."""
    message: str


class FetchEvent(Message):
    """How much of a file has come, and how that ended."""

    kind: Literal["fetch"] = "fetch"
    id: str
    name: str
    """Where it goes."""
    state: FetchState
    done: int
    total: int | None
    """Bytes; None before the site has said how many."""
