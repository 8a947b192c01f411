"""Shell of this machine: for a site whose ``sbatch`` is on the path here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from jupyter_continuum.errors import SiteError, SiteUnreachable
from jupyter_continuum.sites.dialled import DialledCarrier
from jupyter_continuum.sites.files import FileEntry, RemoteFile
from jupyter_continuum.sites.here.files import list_here, open_here
from jupyter_continuum.sites.protocols import (
    Carrier,
    CarrierName,
    CommandResult,
    Endpoint,
    Forward,
)
from jupyter_continuum.sites.sockets import make_room, shut

KEPT = (
    "HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TMPDIR", "TZ",
    "SLURM_CONF", "MODULEPATH", "MODULESHOME",
)  # fmt: skip
"""What a login would give. Batch systems store the submitter's whole environment with the
job, so nothing else (tokens, cloud keys) may be in it."""
AT_ONCE = 4
OUTPUT_LIMIT = 16 * 2**20
CHUNK = 256 * 1024
OPEN_SECONDS = 20


class ShellForward:
    """Bytes from a Unix socket here to an endpoint that this machine can dial."""

    def __init__(self, path: Path, server: asyncio.Server, pairs: set[asyncio.Task[None]]) -> None:
        self.path = path
        self._server = server
        self._pairs = pairs

    async def close(self) -> None:
        self._server.close()
        for pair in tuple(self._pairs):
            pair.cancel()
        await asyncio.gather(*self._pairs, return_exceptions=True)  # cancelled: nothing to read
        self.path.unlink(missing_ok=True)


class ShellTransport:
    """Runs commands on this machine, as the person who runs us."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._forwards: set[ShellForward] = set()

    async def connect(self) -> None:
        """Nothing to do: we are there."""

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        return (DialledCarrier(CarrierName.SOCKET, self.forward),)

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        async with self._slots:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment, cwd=environment.get("HOME", "/"), start_new_session=True,
            )  # fmt: skip
            whole = False
            try:
                async with asyncio.timeout(timeout_seconds):
                    stdout, stderr = await process.communicate(input)
                whole = True
            except TimeoutError:
                raise SiteUnreachable(
                    f"{self._site}: no answer within {timeout_seconds:.0f} s. Try again later."
                ) from None
            finally:
                if not whole:
                    # Its group: what the shell started may outlive it.
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()
        status = process.returncode if process.returncode is not None else 255
        if len(stdout) > OUTPUT_LIMIT:
            raise SiteError(f"{self._site}: a command printed more than 16 MiB.")
        return CommandResult(
            128 - status if status < 0 else status,
            stdout.decode(errors="replace"),
            stderr.decode(errors="replace"),
        )

    async def list_files(self, path: str) -> Sequence[FileEntry]:
        return await list_here(self._site, path)

    def open_file(self, path: str) -> AbstractAsyncContextManager[RemoteFile]:
        return open_here(self._site, path)

    async def forward(self, endpoint: Endpoint, path: Path) -> Forward:
        """Open a way to one endpoint; SiteUnreachable when nobody answers there."""
        _, writer = await self._dial(endpoint)
        writer.close()
        make_room(path)
        pairs: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            pairs.add(task)
            try:
                await splice(reader, writer, lambda: self._dial(endpoint))
            finally:
                pairs.discard(task)

        server = await asyncio.start_unix_server(accept, path)
        shut(path)
        forward = ShellForward(path, server, pairs)
        self._forwards.add(forward)
        return forward

    async def _dial(self, endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where = endpoint.path or f"{endpoint.host}:{endpoint.port}"
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                if endpoint.path:
                    return await asyncio.open_unix_connection(endpoint.path)
                return await asyncio.open_connection(endpoint.host, endpoint.port)
        except (OSError, TimeoutError) as error:
            raise SiteUnreachable(f"{self._site}: nobody answers at {where} ({error}).") from None

    async def close(self) -> None:
        while self._forwards:
            await self._forwards.pop().close()


async def splice(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    dial: Callable[[], Coroutine[None, None, tuple[asyncio.StreamReader, asyncio.StreamWriter]]],
) -> None:
    """Carry bytes both ways until both sides have ended; an error on one ends both."""
    try:
        far_reader, far_writer = await dial()
    except SiteUnreachable:
        writer.transport.abort()
        return
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, far_writer))
            group.create_task(_pump(far_reader, writer))
    except* (OSError, EOFError):
        pass  # a side hung up: the other learns it by the abort below
    finally:
        writer.transport.abort()
        far_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
