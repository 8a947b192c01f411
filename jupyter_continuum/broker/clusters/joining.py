"""Whether an agent may join, and what it gets. Pure but for the signing."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_continuum.broker.clusters.job import TICKET_PROTOCOL, AgentEntry, JobEntry
from jupyter_continuum.cluster.authority import Authority
from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.cluster.parity import mismatches
from jupyter_continuum.cluster.wide_link import wide_link
from jupyter_continuum.errors import RelayError
from jupyter_continuum.planning.resolve import ResolvedGroup

SCHEDULER = "relay://home.scheduler:1"
LEAF_SLACK = timedelta(hours=1)
"""A leaf outlives its job's walltime by so much."""


class Refusal(RelayError):
    """The agent may not join; the sentence is for the person."""


def digest(asked: dict[str, Any]) -> str:
    """What tells a request from another one: whoever repeats it holds the same keys."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def grant(
    asked: dict[str, Any],
    *,
    job: JobEntry,
    agent: AgentEntry,
    group: ResolvedGroup,
    authority: Authority,
) -> dict[str, Any]:
    """Certificates for the agent's workers. Refusal says why not.

    ``asked`` comes from a site: every field is checked, unknown ones are left alone.
    """
    if agent.granted and agent.asked != digest(asked):
        raise Refusal(f"The join token of {job.name}, rank {agent.rank}, was used before.")
    if asked.get("protocol") != TICKET_PROTOCOL:
        raise Refusal(
            f"The worker agent at {group.site} speaks protocol {asked.get('protocol')!r}, this "
            f"side {TICKET_PROTOCOL}. Install the same jupyter-continuum on both sides."
        )
    there = asked.get("environment")
    found = mismatches(environment(), there if isinstance(there, dict) else {})
    if found:
        raise Refusal(f"{group.site}: {' '.join(found)}")
    wanted = [
        f"{group.name}-{job.number}-{agent.rank}-{number}"
        for number in range(group.workers_per_node)
    ]
    named = asked.get("workers")
    offered = {
        str(worker.get("name")): str(worker.get("csr"))
        for worker in (named if isinstance(named, list) else ())
        if isinstance(worker, dict)
    }
    if sorted(offered) != sorted(wanted):
        raise Refusal(f"The agent at {group.site} asked for other workers than its job has.")
    life = timedelta(seconds=group.walltime_seconds) + LEAF_SLACK
    now = datetime.now(UTC)
    try:
        leaves = {
            name: authority.sign(offered[name], name=name, life=life, now=now) for name in wanted
        }
    except RelayError as error:
        raise Refusal(str(error)) from error
    return {
        "ca": authority.certificate.decode(),
        "scheduler": SCHEDULER,
        "config": wide_link(),
        "workers": [{"name": name, "certificate": leaf.decode()} for name, leaf in leaves.items()],
    }
