"""The Plan: what a launch asks for, in one file for form, CLI, notebook and papermill."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jupyter_continuum.planning.policy import Policy

NAME = r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$"
"""Clusters and groups: what fits a host name, a job name and a file name alike."""
WORD = r"^[A-Za-z0-9](?:[A-Za-z0-9_.@+-]{0,62}[A-Za-z0-9])?$"
"""Partitions, accounts, QoS, GRES types: no blank, quote, line end or shell sign."""

Name = Annotated[str, StringConstraints(pattern=NAME)]
Word = Annotated[str, StringConstraints(pattern=WORD)]


class GroupPlan(BaseModel):
    """Workers from one offer: ``jobs`` x ``nodes`` x ``workers_per_node``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offer: str = Field(description="`site/offer`, as `jupyter continuum offers` lists it")
    name: Name | None = Field(default=None, description="the site's id when left out")
    jobs: int = Field(default=1, ge=0, le=10_000)
    nodes: int = Field(default=1, ge=1, le=10_000, description="nodes per job")
    workers_per_node: int | None = Field(
        default=None, ge=1, le=1024, description="one per GPU, or one, when left out"
    )
    cpus_per_worker: int | None = Field(default=None, ge=1, le=4096)
    memory_gb_per_worker: float | None = Field(default=None, gt=0, le=100_000)
    gpus_per_worker: int | None = Field(default=None, ge=0, le=64)
    walltime_minutes: int | None = Field(default=None, ge=1, le=60 * 24 * 30)
    account: Word | None = None
    qos: Word | None = None


class Plan(BaseModel):
    """One Dask cluster over one or more offers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name | None = Field(default=None, description="made up when left out")
    groups: tuple[GroupPlan, ...] = Field(min_length=1)
    lease_minutes: int = Field(
        default=15, ge=1, le=60 * 24, description="how long workers live without their cluster"
    )
    policy: Policy = Field(
        default=Policy(), description="hard limits of this plan, beside those of your settings"
    )


def is_word(text: str) -> bool:
    """True when ``text`` may be spliced into a batch directive."""
    return re.fullmatch(WORD, text) is not None
