"""A record from the broker's facts and this process's own environment."""

from __future__ import annotations

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.messages.records import ClusterFacts, EnvironmentFacts
from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.runs.record.make import make_record
from jupyter_continuum.runs.record.model import Notebook, RunRecord, SweepPart


def facts_of(name: str) -> ClusterFacts:
    """Of the cluster of that name or id. Unknown when there is no record of it."""
    return ClusterFacts.model_validate(call_broker("record", name=name))


def record_of(
    name: str,
    *,
    notebook: Notebook | None = None,
    sweep: SweepPart | None = None,
    before: ClusterFacts | None = None,
) -> RunRecord:
    """The record of a cluster that runs, or that has ended not too long ago."""
    client = EnvironmentFacts.read("client", environment())
    return make_record(facts_of(name), client=client, notebook=notebook, sweep=sweep, before=before)
