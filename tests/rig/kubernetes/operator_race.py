"""Loaded by kopf beside the Dask operator of dask-kubernetes 2026.3.0, whose issue #968 it heals.

The operator may write phase Pending over phase Running, and the cluster never counts as ready.
Pending is written once all parts exist, so it is passed on. Fixed upstream after that release.
"""

from __future__ import annotations

from typing import Any

import kopf


@kopf.on.field("daskcluster.kubernetes.dask.org", field="status.phase", new="Pending")
async def pass_pending_on(spec: Any, patch: Any, **_: Any) -> None:
    if spec.get("scheduler", {}).get("service", {}).get("type") != "LoadBalancer":
        patch.status["phase"] = "Running"
