"""The way from a kernel on a worker's node to the worker's own cluster.

Such a kernel has no broker that it could ask. What its worker was given lets it in: it lies in a
private file on the node while runs are there, and whoever has it could submit a task to read it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.paths import write_private

if TYPE_CHECKING:
    from distributed import Client

WAY_VARIABLE = "JUPYTER_CONTINUUM_WAY"
"""Environment variable with the path of that file; kernels at a site have it, and no others."""


def write_way(path: Path, worker: Any) -> None:
    """``worker`` is distributed's Worker in this process."""
    import dask

    way = {
        "scheduler": worker.scheduler.address,
        "key": worker.security.tls_worker_key,
        "certificate": worker.security.tls_worker_cert,
        "ca": worker.security.tls_ca_file,
        "relay": dask.config.get("continuum.relay"),
    }
    write_private(path, json.dumps(way).encode())


def open_way(path: Path, *, asynchronous: bool = False) -> Client:
    from jupyter_continuum.cluster.attach import connect
    from jupyter_continuum.cluster.security import security
    from jupyter_continuum.cluster.wide_link import wide_link_of_client

    way = json.loads(path.read_text())
    secure = security(
        key=way["key"], certificate=way["certificate"], authority=way["ca"], relay=way["relay"]
    )
    return connect(way["scheduler"], secure, wide_link_of_client(), asynchronous=asynchronous)
