"""Dask configuration for a cluster whose links are long: what all its processes run under.

Measured on two sites at 200 ms round trip: 480 tasks of 50 ms take 7.7 s with Dask's own
saturation of 1.1 and 2.9 s with 4. A link that is cut for a minute loses every worker
behind it under Dask's own time-outs, and none under these.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

_PROFILE: dict[str, Any] = {
    "distributed": {
        "scheduler": {
            "worker-saturation": 4,
            "worker-ttl": "600s",
            # A cut link counts as a death of its workers, and the tasks are innocent.
            "allowed-failures": 10,
            # Tasks may wait for workers that a batch system has not started yet, but not for ever.
            "no-workers-timeout": "24h",
            "http": {
                "routes": [
                    "distributed.http.scheduler.prometheus",
                    "distributed.http.scheduler.info",
                    "distributed.http.scheduler.json",
                    "distributed.http.health",
                    # In place of distributed's proxy, which would dial the worker's TCP port.
                    "jupyter_continuum.cluster.pages",
                    "distributed.http.statics",
                ]
            },
            # Dask's own default lets any web page talk to the dashboard. Who relays it to a
            # browser checks the origin, and passes none on.
            "dashboard": {"bokeh-application": {"allow_websocket_origin": ["localhost"]}},
            "active-memory-manager": {
                "start": True,
                "interval": "2s",
                "policies": [{"class": "jupyter_continuum.cluster.replicas.ReduceReplicas"}],
            },
        },
        "comm": {
            "timeouts": {"connect": "60s", "tcp": "300s"},
            "retry": {"count": 3},
            "require-encryption": True,
        },
        "worker": {
            "http": {
                "routes": [
                    "distributed.http.worker.prometheus",
                    "distributed.http.health",
                    "jupyter_continuum.worker.pages",
                ]
            }
        },
    }
}


def wide_link() -> dict[str, Any]:
    """The profile, to be merged into ``dask.config`` (or sent to who will)."""
    return copy.deepcopy(_PROFILE)


def wide_link_of_client() -> dict[str, Any]:
    """The part of the profile that a client needs.

    No more: it is the person's own process, which may have a cluster of Dask's own, too.
    """
    comm = wide_link()["distributed"]["comm"]
    return {"distributed": {"comm": {name: comm[name] for name in ("timeouts", "retry")}}}


def adopt(config: Mapping[str, Any]) -> None:
    """Merge ``config`` over this process's Dask configuration.

    ``dask.config.set`` would drop what stands beside a nested key.
    """
    import dask

    dask.config.update(dask.config.config, config)
