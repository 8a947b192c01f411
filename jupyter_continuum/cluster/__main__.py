"""The scheduler process of one cluster: ``python -m jupyter_continuum.cluster RUNDIR``.

RUNDIR holds ``cluster.json`` (``{"name", "cluster_id", "broker"}``: the cluster, and the
broker's socket for reports) and the hub's ``hub.sock``; Dask's pages are served at its
``dashboard.sock`` and nowhere else. One JSON object a line:

    out   {"csr": "<PEM>"}
    in    {"certificate": "<PEM>", "ca": "<PEM>"}
    out   {"ready": true, "address": "relay://home.scheduler:1"}

Then standard input and output are closed, and it runs until SIGTERM or until a client shuts
the cluster down. Its key is made here and never leaves this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from jupyter_continuum.cluster.log import quiet_libraries
from jupyter_continuum.cluster.security import Identity, make_identity, security
from jupyter_continuum.cluster.wide_link import adopt, wide_link
from jupyter_continuum.errors import ContinuumError

HOST = "home.scheduler"
NUMBER = 1
CLOSE_SECONDS = 10
DASHBOARD = "dashboard.sock"
"""In RUNDIR: Dask's pages, over HTTP."""


def main() -> int:
    """Run one scheduler; the exit status."""
    os.umask(0o077)
    folder = Path(sys.argv[1])
    cluster = json.loads((folder / "cluster.json").read_bytes())
    identity = make_identity(f"{cluster['name']}.scheduler")
    _say({"csr": identity.request})
    import distributed  # noqa: F401  # a second of work, while the broker signs

    signed = json.loads(sys.stdin.readline() or "{}")
    if "certificate" not in signed:
        print("The broker went away before it signed; nothing was started.", file=sys.stderr)
        return 1
    try:
        asyncio.run(run(folder, cluster, identity, signed))
    except (ContinuumError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def run(
    folder: Path, cluster: dict[str, Any], identity: Identity, signed: dict[str, str]
) -> None:
    """Start the scheduler, say so, and serve until it is told to stop."""
    from jupyter_continuum.cluster.access import Access
    from jupyter_continuum.cluster.credentials import Credentials
    from jupyter_continuum.cluster.prints import Prints
    from jupyter_continuum.cluster.report import Report
    from jupyter_continuum.cluster.residence import Residence
    from jupyter_continuum.cluster.scheduler import ContinuumScheduler

    adopt(wide_link() | {"continuum": {"relay": relay_config(folder)}})
    adopt({"temporary-directory": str(folder)})
    quiet_libraries()
    scheduler = ContinuumScheduler(
        host=HOST,
        port=NUMBER,
        protocol="relay://",
        security=security(
            key=identity.key, certificate=signed["certificate"], authority=signed["ca"]
        ),
        dashboard=False,  # its plots are loaded when a page is first asked for
        cluster=cluster["name"],
        cluster_id=cluster["cluster_id"],
        dashboard_socket=folder / DASHBOARD,
    )
    async with scheduler:
        scheduler.add_plugin(Prints(scheduler))
        scheduler.add_plugin(Credentials(scheduler))
        if cluster.get("broker"):
            report = Report(cluster=cluster["name"], broker=Path(cluster["broker"]))
            await report.start(scheduler)
            scheduler.add_plugin(report)
            broker = Path(cluster["broker"])
            scheduler.add_plugin(Access(scheduler, cluster=cluster["name"], broker=broker))
            scheduler.add_plugin(Residence(scheduler, cluster=cluster["name"], broker=broker))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _close, scheduler)
        _say({"ready": True, "address": scheduler.address})
        _let_go_of_the_broker()
        await scheduler.finished()  # type: ignore[no-untyped-call]


def relay_config(folder: Path) -> dict[str, str]:
    """How the scheduler meets the relay: ``continuum.relay`` of its ``dask.config``."""
    return {
        "exchange": str(folder / "hub.sock"),
        "site": "home",
        "agent": "scheduler",
        "direct-dir": str(folder),
    }


def _close(scheduler: Any) -> None:  # ContinuumScheduler; distributed is imported late
    _closing.append(asyncio.ensure_future(scheduler.close(timeout=CLOSE_SECONDS, reason="SIGTERM")))


_closing: list[asyncio.Future[None]] = []
"""Keeps the closing task alive until the process ends."""


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def _let_go_of_the_broker() -> None:
    """The pipes to the broker are of no more use, and it may end before this process."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
