"""A file per cluster, as kernels have one: whoever lists the folder finds what runs."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

from jupyter_continuum.broker.clusters.joining import SCHEDULER
from jupyter_continuum.paths import write_private


def connection_file(cluster: str) -> Path:
    """Where the file of ``cluster`` lies, in Jupyter's runtime folder."""
    from jupyter_core.paths import jupyter_runtime_dir

    return Path(jupyter_runtime_dir()) / f"continuum-{cluster}.json"


def write_connection_file(
    cluster: str, *, hub: Path, broker: Path, authority: bytes, started: datetime
) -> None:
    """Tell where the cluster is. No key: who wants in asks the broker for a certificate."""
    path = connection_file(cluster)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {
        "name": cluster,
        "address": SCHEDULER,
        "hub": os.fspath(hub),
        "broker": os.fspath(broker),
        "ca": authority.decode(),
        "started": started.isoformat(),
    }
    write_private(path, json.dumps(content, indent=1).encode() + b"\n")


def remove_connection_file(cluster: str) -> None:
    connection_file(cluster).unlink(missing_ok=True)
