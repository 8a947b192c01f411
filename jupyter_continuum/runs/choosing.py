"""Which cluster a run uses: one that is there, or one that it launches by a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.plan_file import read_plan
from jupyter_continuum.broker.selection import CLUSTER_VARIABLE, group_of, only_cluster
from jupyter_continuum.errors import PlanRefused

Use = str | dict[str, Any]  # the name of a cluster, or a Plan
PLAN_FILES = (".json", ".yaml", ".yml")


def choose(
    *,
    cluster: str | None,
    plan: str | Path | Mapping[str, Any] | None,
    environment: Mapping[str, str],
) -> Use:
    """The cluster's name, or the plan to launch. Unknown when there is none, or a choice."""
    if cluster and plan is not None:
        raise PlanRefused("Say either cluster= or plan=: a run uses a cluster, or launches one.")
    if isinstance(plan, Mapping):
        return dict(plan)
    if plan is not None:
        return read_plan(plan)
    return cluster or environment.get(CLUSTER_VARIABLE) or only_cluster(call_broker("clusters"))


def read_words(words: Sequence[str], environment: Mapping[str, str]) -> Use:
    """What ``--on`` says: one plan file, one cluster, or offers."""
    if any("/" in word and not _is_plan_file(word) for word in words):
        return {"groups": [group_of(word) for word in words]}
    if len(words) > 1:
        raise PlanRefused(
            f"--on {' --on '.join(words)}: of a plan or a cluster there is one; "
            "several are offers, as in --on SITE/OFFER --on SITE/OFFER."
        )
    if words and _is_plan_file(words[0]):
        return read_plan(words[0])
    use = choose(cluster=words[0] if words else None, plan=None, environment=environment)
    if isinstance(use, str) and "/" not in use:
        call_broker("cluster", name=use)  # Unknown now, not after the notebook was prepared
    return use


def _is_plan_file(word: str) -> bool:
    return word.endswith(PLAN_FILES) or Path(word).is_file()
