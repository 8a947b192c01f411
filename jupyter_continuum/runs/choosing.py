"""Which cluster a run uses: one that is there, or one that it launches by a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.plan_file import is_plan_file, read_plan
from jupyter_continuum.broker.selection import CLUSTER_VARIABLE, group_of, only_cluster
from jupyter_continuum.errors import PlanRefused


@dataclass(frozen=True, slots=True)
class Launch:
    """What a run launches, and what ends with it."""

    plan: dict[str, Any]
    accept: tuple[str, ...] = ()
    """Unknown claims that the person's policy asks for and that are taken as they are."""


Use = str | Launch
"""The name of a cluster that is there, or one to launch."""


def choose(
    *,
    cluster: str | None,
    plan: str | Path | Mapping[str, Any] | None,
    environment: Mapping[str, str],
    accept: Sequence[str] = (),
) -> Use:
    """The cluster's name, or the plan to launch. Unknown when there is none, or a choice."""
    if cluster and plan is not None:
        raise PlanRefused("Say either cluster= or plan=: a run uses a cluster, or launches one.")
    if isinstance(plan, Mapping):
        return Launch(dict(plan), tuple(accept))
    if plan is not None:
        return Launch(read_plan(plan), tuple(accept))
    name = cluster or environment.get(CLUSTER_VARIABLE) or only_cluster(call_broker("clusters"))
    if accept:
        raise PlanRefused(
            f"{name} runs already, under what was accepted when it was launched. Leave out "
            f"accepting {', '.join(accept)}, or have a cluster launched."
        )
    return name


def read_words(
    words: Sequence[str], environment: Mapping[str, str], accept: Sequence[str] = ()
) -> Use:
    """What ``--on`` and ``--accept`` say: one plan file, one cluster, or offers."""
    if any("/" in word and not is_plan_file(word) for word in words):
        return Launch({"groups": [group_of(word) for word in words]}, tuple(accept))
    if len(words) > 1:
        raise PlanRefused(
            f"--on {' --on '.join(words)}: of a plan or a cluster there is one; "
            "several are offers, as in --on SITE/OFFER --on SITE/OFFER."
        )
    if words and is_plan_file(words[0]):
        return Launch(read_plan(words[0]), tuple(accept))
    named = words[0] if words else None
    use = choose(cluster=named, plan=None, environment=environment, accept=accept)
    if isinstance(use, str) and "/" not in use:
        call_broker("cluster", name=use)  # Unknown now, not after the notebook was prepared
    return use
