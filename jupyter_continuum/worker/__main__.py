"""``python -m jupyter_continuum.worker JOBDIR``, on every node of a job."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_continuum.cluster.log import say
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.paths import private_dir, write_private
from jupyter_continuum.relay.gateway import Gateway
from jupyter_continuum.relay.handshake import link_key
from jupyter_continuum.worker.agent import Agent
from jupyter_continuum.worker.forking import Zygote
from jupyter_continuum.worker.node_copy import release
from jupyter_continuum.worker.ticket import Ticket, bring_ticket, take_ticket
from jupyter_continuum.worker.workforce import Place

LONGEST_SOCKET_FOLDER = 80
"""Bytes that leave room for ``<agent>-<number>.sock`` in the 107 of a Unix socket's path."""


def main() -> int:
    """Run one agent; the exit status, 0 also when its cluster has ended."""
    began = _began()
    os.umask(0o077)
    folder = Path(sys.argv[1]).absolute()
    rank = int(os.environ.get("SLURM_PROCID") or os.environ.get("JC_RANK") or 0)
    try:
        asyncio.run(_run(folder, rank, began))
    except (ContinuumError, OSError) as error:
        say(f"rank {rank}: {error}")
        return 1
    finally:
        release(os.environ)
    return 0


async def _run(folder: Path, rank: int, began: float) -> None:
    bring_ticket(os.environ.get("JC_TICKETS"), folder, rank)
    ticket = take_ticket(folder, rank)
    node = os.environ.get("JC_NODE") or os.environ.get("SLURMD_NODENAME") or platform.node()
    sockets = _socket_folder(ticket)
    local = sockets / f"{ticket.agent}.gate"
    gateway = await Gateway.open(
        site=ticket.site,
        agent=ticket.agent,
        key=link_key(ticket.token),
        listen=_listen(ticket, folder, rank),
        local_path=local,
    )
    # A site on the person's own machine says where: nothing may be left elsewhere.
    scratch = Path(tempfile.mkdtemp(prefix=f"jc-{ticket.agent}-", dir=os.environ.get("JC_SCRATCH")))
    zygote = Zygote(sockets)
    agent = Agent(ticket, Place(folder, sockets, scratch, node), gateway, zygote)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, agent.terminated.set)
    announced = {"rank": rank, "node": node, "endpoints": _with_numbers(gateway.endpoints)}
    _announce(folder, announced)
    say(f"rank {rank} waits for {ticket.cluster} on {node}, process {os.getpid()}")
    dialling = _dial_out(ticket, gateway, folder, announced)
    try:
        if ticket.workers > 1:
            zygote.start()
        await agent.run(began=began)
    finally:
        if dialling is not None:
            dialling.cancel()
            await asyncio.wait([dialling])
        await gateway.close()
        zygote.stop()
        _clean_up(folder, rank, scratch, sockets, ticket.agent)


def _announce(folder: Path, announced: dict[str, Any], trouble: str = "") -> None:
    """Tell the launcher where the gateway listens, and what is wrong here; holds no secret."""
    message = {"protocol": 1, **announced, **({"trouble": trouble} if trouble else {})}
    write_private(folder / f"agent-{announced['rank']}.json", json.dumps(message).encode())


def _dial_out(
    ticket: Ticket, gateway: Gateway, folder: Path, announced: dict[str, Any]
) -> asyncio.Task[None] | None:
    """Where the person has an address: dial it until the agent ends."""
    if ticket.outbound is None:
        return None

    def report(trouble: str) -> None:
        if trouble:
            say(f"rank {announced['rank']} cannot dial out: {trouble}")
        try:
            _announce(folder, announced, trouble)
        except OSError as error:  # a full disk keeps nobody from dialling
            say(f"rank {announced['rank']} could not tell that: {error}")

    try:
        from jupyter_continuum.worker.outbound import Outbound
    except ImportError:  # an environment made before agents could dial out
        report("the worker environment lacks a package: `pip install websockets` there.")
        return None
    outbound = Outbound(ticket, environment=os.environ, welcome=gateway.welcome, report=report)
    return asyncio.get_running_loop().create_task(outbound.run(), name="outbound")


def _listen(ticket: Ticket, folder: Path, rank: int) -> Path | tuple[str, int]:
    """Where the gateway listens: as the job's environment says, or as the ticket does."""
    told = os.environ.get("JC_GATEWAY", "")
    if told:
        host, _, port = told.rpartition(":")
        return host, int(port)
    return folder / f"g{rank}.sock" if ticket.direct == "unix" else ("0.0.0.0", 0)


def _began() -> float:
    """When the job began: its time runs from its first process on, not from ours."""
    told = os.environ.get("JC_BEGAN", "")
    if told == "process-1":  # a pod's
        import psutil

        return float(psutil.Process(1).create_time())
    return float(told) if told else time.time()


def _with_numbers(endpoints: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The endpoints by name, then by number: a login node may not know the name."""
    ports = [each["port"] for each in endpoints if "port" in each]
    if not ports:
        return endpoints
    import psutil

    interfaces = psutil.net_if_stats()
    numbers = [
        address.address
        for name, addresses in psutil.net_if_addrs().items()
        for address in addresses
        if address.family.name == "AF_INET"
        and not address.address.startswith("127.")
        and interfaces[name].isup
    ]
    numeric = [{"host": number, "port": port} for port in ports for number in numbers]
    return [*endpoints, *numeric][:16]


def _socket_folder(ticket: Ticket) -> Path:
    """A node-local folder that all agents of this cluster and site on this node share."""
    told = os.environ.get("JC_SOCKETS")
    if told:
        return private_dir(Path(told) / ticket.cluster_id)
    name = f"jc-{os.getuid()}-{ticket.cluster_id}-{ticket.site}"
    folder = Path(tempfile.gettempdir()) / name
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
        folder = Path("/tmp") / name
    return private_dir(folder)


def _clean_up(folder: Path, rank: int, scratch: Path, sockets: Path, agent: str) -> None:
    """Remove what this agent made, and what workers that were killed could not remove."""
    shutil.rmtree(scratch, ignore_errors=True)
    own = (folder / f"agent-{rank}.json", folder / f"g{rank}.sock")
    for path in (*own, *sockets.glob(f"{agent}[.-]*")):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # another agent of this cluster still uses it
        sockets.rmdir()


if __name__ == "__main__":
    sys.exit(main())
