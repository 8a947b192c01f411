"""Facts of a cluster over three sites, as a broker would tell them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_continuum.broker.messages.records import (
    ClaimFacts,
    ClusterFacts,
    EnvironmentFacts,
    GroupFacts,
    HostFacts,
    JobFacts,
    SiteFacts,
    TrafficFacts,
)
from jupyter_continuum.runs.record.model import Notebook

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
CLIENT = EnvironmentFacts(where="client", python="3.11.2", packages={"dask": "2026.8.0"})


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def group(name: str, site: str, offer: str, **changes: Any) -> GroupFacts:
    shape = {
        "jobs_wanted": 1,
        "nodes": 2,
        "workers_per_node": 4,
        "cpus_per_worker": 14,
        "gpus_per_worker": 1,
        "memory_gb_per_worker": 0,
        "walltime_seconds": 3600,
    }
    return GroupFacts(name=name, site=site, offer=offer, **shape | changes)


def job(group: str, start: float, end: float | None, **changes: Any) -> JobFacts:
    told = {
        "id": "4711",
        "state": "running" if end is None else "ended",
        "nodes": ["nid001"],
        "carriers": ["ssh-forward"],
        "asked": at(start - 1),
        "started": at(start),
        "started_after": at(start),
        "ended": None if end is None else at(end),
        "ended_after": None if end is None else at(end),
    }
    return JobFacts(group=group, **told | changes)


def claim(about: str, field: str, value: Any, kind: str = "official", **changes: Any) -> ClaimFacts:
    told = {"source": "operator's page", "checked": False} | changes
    return ClaimFacts(about=about, field=field, value=value, kind=kind, **told)


def facts(**changes: Any) -> ClusterFacts:
    told = {
        "name": "span",
        "id": "0a1b2c",
        "state": "stopped",
        "started": at(0),
        "asked": at(70),
        "ended": at(65),
        "lease_seconds": 900,
        "groups": [
            group("booster", "jupiter", "jupiter/booster"),
            group("pods", "cloud", "cloud/gpu", nodes=1, workers_per_node=1, image="w:1"),
            group("near", "local", "local/cores", nodes=1, gpus_per_worker=0),
        ],
        "jobs": [
            job("booster", 0, 30),
            job("pods", 0, 60, image="w@sha256:ab", carriers=["kubernetes"]),
            job("near", 0, 60, nodes=["laptop"], carriers=["socket"]),
        ],
        "environments": [
            EnvironmentFacts(where="scheduler", python="3.11.2"),
            EnvironmentFacts(where="booster", agents=2, python="3.11.9", gpus=["GH200"] * 4),
        ],
        "sites": [
            SiteFacts(id="jupiter", name="JUPITER", kind="hpc"),
            SiteFacts(id="cloud", name="Cloud", kind="cloud"),
            SiteFacts(id="local", name="This machine", kind="local"),
        ],
        "claims": [
            claim("jupiter", "country", "DE"),
            claim("jupiter", "power_kw_linpack", 15_000, kind="user", source="a magazine"),
            claim("jupiter", "gco2eq_per_kwh", 300, source="a table"),
            claim("jupiter/booster", "machine_nodes", 5_000),
            claim("jupiter/booster", "gpus_per_node", 4, checked=True),
            claim("cloud", "country", "FR"),
            claim("cloud", "jurisdiction", "EU (France)", kind="unverified", source=""),
        ],
        "hosts": [
            HostFacts(site="jupiter", role="login node", host="login.example.org", port=22),
            HostFacts(site="cloud", role="Kubernetes API", host="api.example.org", port=6443),
        ],
        "traffic": [
            TrafficFacts(source="jupiter", target="cloud", bytes=1000),
            TrafficFacts(source="cloud", target="cloud", bytes=50),
            TrafficFacts(source="cloud", target="home", bytes=7),
        ],
    }
    return ClusterFacts(**told | changes)


def notebook(**changes: Any) -> Notebook:
    told = {
        "name": "a.ipynb",
        "sha256": "ab" * 32,
        "output": "b.ipynb",
        "output_sha256": "cd" * 32,
        "kernel": "python3",
        "parameters": {"alpha": 0.1},
        "state": "completed",
        "cells_run": 3,
        "started": at(0),
        "ended": at(64),
    }
    return Notebook(**told | changes)
