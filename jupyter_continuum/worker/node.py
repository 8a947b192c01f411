"""distributed's Worker and Nanny without a listening TCP port."""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import re
import signal
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import dask
from distributed import Nanny, Worker
from distributed.core import Status

from jupyter_continuum.cluster import http_socket
from jupyter_continuum.cluster.credentials import Purse
from jupyter_continuum.cluster.dialling import silent
from jupyter_continuum.cluster.gate import OP, Gated
from jupyter_continuum.cluster.log import quiet_libraries
from jupyter_continuum.cluster.report import DEVICES_METRIC, ENERGY_METRIC
from jupyter_continuum.worker import gauges, meter
from jupyter_continuum.worker.forking import Zygote
from jupyter_continuum.worker.output import ShowPrints

RETIRED = "retired"
"""Why a worker closes that gave its results away first: it must not come back."""
MAX_PAGE_BYTES = 16 * 1024 * 1024
STDERR = 2
"""How distributed's `print` tells that it went to standard error."""
_PATH = re.compile(r"/[!-~]{0,2000}")


class ContinuumWorker(Gated, Worker):
    """A Worker whose pages are on a Unix socket, and are fetched by an RPC instead."""

    def __init__(
        self,
        *args: Any,  # whatever Worker takes
        pages: str,
        node: str,
        cluster: str = "",
        device: str = "",
        metered: str = "",
        **kwargs: Any,
    ) -> None:
        """``pages`` is the socket for the pages, ``metered`` what the agent's meter writes."""
        self.continuum_cluster = cluster
        """Its id: data that must stay is read for the cluster that opened it (``readers``)."""
        if multiprocessing.parent_process() is not None:
            quiet_libraries()
            # A batch system signals every process of a job at once; the agent hands over first.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            # A forked process ends without these, which tasks may have registered.
            Finalize(None, atexit._run_exitfuncs, exitpriority=0)
        self._pages = Path(pages)
        self.credentials = Purse()
        about = {"node": node, "device": device}
        kwargs["startup_information"] = {
            name: lambda _, value=value: value for name, value in about.items()
        }
        super().__init__(*args, **kwargs)
        devices = [each for each in device.split(",") if each]
        self.metrics[DEVICES_METRIC] = gauges.metric(self, devices)
        if metered:
            self.metrics[ENERGY_METRIC] = lambda _: meter.read_told(metered)
        self.handlers["http_get"] = self.http_get
        self.handlers["reach"] = self.reach
        self.handlers["continuum_take"] = self.credentials.take
        self.handlers[OP] = self.end_access
        if multiprocessing.parent_process() is not None:
            plugin = ShowPrints()
            self.plugins[plugin.name] = plugin
            plugin.setup(self)

    def start_http_server(
        self,
        routes: Any,
        dashboard_address: Any,
        default_port: int = 0,
        ssl_options: Any = None,
    ) -> None:
        self.http_application, self.http_server = http_socket.serve(routes, self._pages)

    def log_event(self, topic: Any, msg: Any) -> None:
        # distributed's own `print` prints on standard output too, which is shown already.
        if not (topic == "print" and isinstance(msg, dict) and msg.get("file") != STDERR):
            super().log_event(topic, msg)

    async def _stop_services(self) -> None:
        if hasattr(self, "http_server"):
            self.http_server.stop()
            self._pages.unlink(missing_ok=True)
        await super()._stop_services()  # type: ignore[no-untyped-call]

    async def reach(self, addresses: list[str], seconds: float) -> list[str]:
        """Those of ``addresses`` (of workers) that do not answer a dial from here."""
        return await silent(addresses, seconds, self.connection_args)

    async def http_get(self, path: str) -> dict[str, Any]:
        """One of this worker's pages: ``{"status", "type", "body"}``."""
        if not _PATH.fullmatch(path):
            return {"status": 400, "type": "text/plain", "body": b"Not a path."}
        reader, writer = await asyncio.open_unix_connection(self._pages, limit=2**20)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: worker\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
            body = await _read_all(reader)
        finally:
            writer.close()
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        kind = fields.get("content-type", "text/plain")
        return {"status": int(head[0].split()[1]), "type": kind, "body": body}

    async def close(  # type: ignore[override]  # as Worker.close, which has it too
        self,
        timeout: float = 30,
        executor_wait: bool = True,
        nanny: bool = True,
        reason: str = "worker-close",
    ) -> str | None:
        if self.status == Status.closing_gracefully:  # what retire_workers makes of us
            reason = RETIRED
        answer: str | None = await super().close(
            timeout=timeout, executor_wait=executor_wait, nanny=nanny, reason=reason
        )
        return answer


class ContinuumNanny(Gated, Nanny):
    """A Nanny whose worker is forked where it can be, and that remembers why it closed."""

    closed_because = ""

    def __init__(self, *args: Any, zygote: Zygote, **kwargs: Any) -> None:  # as Nanny takes them
        self._zygote = zygote
        super().__init__(*args, **kwargs)
        self.handlers[OP] = self.end_access

    async def instantiate(self) -> Status:
        if self.status in (Status.closing, Status.closed, Status.failed):
            return Status.closed  # a restart that was under way starts nothing more
        method = self._zygote.method(self.pre_spawn_env)
        dask.config.set({"distributed.worker.multiprocessing-method": method})
        return await super().instantiate()

    async def kill(self, timeout: float = 5, reason: str = "nanny-kill") -> None:
        """End the worker's process, when closing also one that does not yet hear anything.

        distributed waits until such a one runs: for good, where its start fails meanwhile.
        """
        worker = self.process
        if (
            self.status is not Status.closing  # a restart starts it in the same place
            or worker is None
            or worker.status is not Status.starting
            or worker.process is None
        ):
            await super().kill(timeout=timeout, reason=reason)
            return
        stopped = worker.stopped
        async with asyncio.timeout(timeout):
            try:
                await worker.process.kill()
            except AttributeError:  # its start failed: there is no process
                return
            await stopped.wait()

    def close_gracefully(self, reason: str = "nanny-close-gracefully") -> None:
        self.closed_because = reason
        super().close_gracefully(reason=reason)


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while data := await reader.read(2**16):
        body += data
        if len(body) > MAX_PAGE_BYTES:
            raise ValueError(f"a page of more than {MAX_PAGE_BYTES} bytes")
    return bytes(body)


def worker_environment(variable: str, devices: tuple[str, ...]) -> dict[str, str]:
    """What a worker's process must have in its environment to see its own devices alone."""
    if not devices:
        return {}
    order = {"CUDA_DEVICE_ORDER": os.environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID")}
    return {variable: ",".join(devices)} | (order if variable.startswith("CUDA") else {})
