"""Carrier D: a Unix socket here, and for each of its connections one WebSocket to a pod's port.

The API server hands the bytes to the pod's own 127.0.0.1: the pod needs no route to us, and
no TCP port is opened here, which other users of this machine could dial.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self

from jupyter_continuum.errors import CarrierDenied, SignInRequired, SiteError, SiteUnreachable
from jupyter_continuum.sites.kubernetes.api import KubernetesApi, Socket
from jupyter_continuum.sites.kubernetes.errors import no_right
from jupyter_continuum.sites.kubernetes.status import words
from jupyter_continuum.sites.protocols import Agent, CarrierName, Forward
from jupyter_continuum.sites.sockets import make_room, shut

CHUNK = 2**17
DATA, ERROR = 0, 1
"""Channels of the protocol; the first message of each holds the port alone."""
LISTEN_SECONDS = 15
"""How long a pod that just started may take to listen."""
PAUSE_SECONDS = 0.25
SILENCE_SECONDS = 1.0
"""Who said nothing for so long after it was dialled listens, and waits for us to speak."""
SPARE_SECONDS = 5.0
"""How long the connection of the trial waits to be somebody's: a gateway gives up after 10 s."""

CLOSE_SECONDS = 2.0
"""How long a WebSocket gets to say good-bye."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refused(Exception):
    """Nobody listens at the pod's port."""


class PodCarrier:
    """Ways to agents in pods, through the Kubernetes API."""

    name = CarrierName.KUBERNETES

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._open: set[PodForward] = set()

    async def open(self, agent: Agent, path: Path) -> Forward:
        (endpoint,) = agent.endpoints
        return await self.open_port(endpoint.host, endpoint.port, path)

    async def open_port(self, pod: str, port: int, path: Path) -> PodForward:
        """A way to ``port`` of ``pod``, after one connection that proves it; it is used first."""
        first = await self._dial(pod, port)
        forward = await PodForward.listen(self._api, pod, port, path, first)
        self._open = {each for each in self._open if each.path.exists()} | {forward}
        return forward

    async def _dial(self, pod: str, port: int) -> Line:
        deadline = asyncio.get_running_loop().time() + LISTEN_SECONDS
        while True:
            line = Line(self._api, pod, port)
            try:
                await line.ready()
            except Refused as error:
                await line.close()
                if asyncio.get_running_loop().time() > deadline:
                    raise SiteUnreachable(
                        f"{self._api.site}: nobody listens at port {port} of pod {pod} "
                        f"({error}). Its log says why."
                    ) from None
                await asyncio.sleep(PAUSE_SECONDS)
            except BaseException:
                await line.close()
                raise
            else:
                return line

    async def close(self) -> None:
        forwards, self._open = self._open, set()
        await asyncio.gather(*(forward.close() for forward in forwards))


class PodForward:
    """Bytes from a Unix socket here to one port of one pod."""

    def __init__(self, api: KubernetesApi, pod: str, port: int, path: Path) -> None:
        self.path = path
        self._api, self._pod, self._port = api, pod, port
        self._server: asyncio.Server | None = None
        self._lines: set[Line] = set()
        self._spare: Line | None = None

    @classmethod
    async def listen(cls, api: KubernetesApi, pod: str, port: int, path: Path, spare: Line) -> Self:
        forward = cls(api, pod, port, path)
        forward._spare = spare
        forward._keep(spare)
        make_room(path)
        forward._server = await asyncio.start_unix_server(forward._accept, path, limit=CHUNK)
        shut(path)
        return forward

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)
        await asyncio.gather(*(line.close() for line in tuple(self._lines)))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        spare, self._spare = self._spare, None
        if spare is None or not spare.free:
            spare = Line(self._api, self._pod, self._port)
            self._keep(spare)
        spare.give(reader, writer)

    def _keep(self, line: Line) -> None:
        self._lines.add(line)
        line.task.add_done_callback(lambda _: self._lines.discard(line))


class Line:
    """One WebSocket and the connection it carries, in a task of their own."""

    def __init__(self, api: KubernetesApi, pod: str, port: int) -> None:
        self._api, self._pod, self._port = api, pod, port
        self._socket: Socket | None = None
        loop = asyncio.get_running_loop()
        self._near: asyncio.Future[Streams] = loop.create_future()
        self._proved: asyncio.Future[bytes] = loop.create_future()
        """What the far side said first; or why there is none."""
        self.task = loop.create_task(self._run(), name=f"port-forward {pod}")

    @property
    def free(self) -> bool:
        """It is open, and nobody's yet."""
        return not self.task.done() and not self._near.done()

    def give(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry this connection from now on."""
        self._near.set_result((reader, writer))

    async def ready(self) -> None:
        """Wait until the pod has answered. Refused, CarrierDenied, SiteUnreachable ..."""
        await asyncio.shield(self._proved)

    async def close(self) -> None:
        self.task.cancel()
        _, left = await asyncio.wait([self.task], timeout=CLOSE_SECONDS)
        if left and self._socket is not None:
            # A good-bye that the far side does not read waits for ever, and is shielded.
            await self._socket.stream.aclose()
            await asyncio.wait([self.task])

    async def _run(self) -> None:
        try:
            await self._carry()
        except (SiteError, Refused) as error:
            self._fail(error)
        except Exception as error:  # of httpx_ws or wsproto, alone or in a group
            self._fail(self._explained(error))
        finally:
            if self._near.done() and not self._near.cancelled():
                self._near.result()[1].close()
            self._near.cancel()
            if not self._proved.done():
                self._proved.cancel()

    def _fail(self, error: Exception) -> None:
        if not self._proved.done():
            self._proved.set_exception(error)
            self._proved.exception()  # who gave up waiting does not want to be told
        elif self._near.done() and not self._near.cancelled():
            self._near.result()[1].transport.abort()

    async def _carry(self) -> None:
        path = self._api.path("pods", f"{self._pod}/portforward")
        async with self._api.websocket(path, {"ports": self._port}) as socket:
            self._socket = socket
            far = _Far(socket)
            try:
                first = await far.first()
                self._proved.set_result(first)
                async with asyncio.timeout(SPARE_SECONDS):
                    reader, writer = await self._near
                writer.write(first)
                await _either(_out(reader, socket), _in(far, writer))
            finally:
                far.drop()

    def _explained(self, error: Exception) -> Exception:
        from httpx import HTTPError
        from httpx_ws import WebSocketUpgradeError

        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, Refused | SiteError):
            return error
        if isinstance(error, WebSocketUpgradeError):
            return self._not_upgraded(error.response.status_code)
        if isinstance(error, HTTPError | OSError) and not isinstance(error, TimeoutError):
            return self._api.unreachable(error)
        said = words(str(error)) or type(error).__name__
        return SiteUnreachable(f"{self._api.site}: the way to pod {self._pod} broke ({said}).")

    def _not_upgraded(self, code: int) -> SiteError:
        site = self._api.site
        if code == 401:
            return SignInRequired(f"{site}: the credentials were refused. Connect it again.")
        if code == 403:
            return CarrierDenied(no_right(site, self._api.namespace, "get", "pods/portforward"))
        if code == 404 or code >= 500:
            return SiteUnreachable(f"{site}: pod {self._pod} is gone, or does not run ({code}).")
        return CarrierDenied(
            f"{site}: the Kubernetes API, or a proxy before it, carries no WebSocket (status "
            f"{code}), so its workers cannot be reached. Ask for an address without that proxy."
        )


class _Far:
    """What comes out of the WebSocket, without the protocol."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._begun: set[int] = set()
        self._reading: asyncio.Task[bytes | None] | None = None

    async def first(self) -> bytes:
        """What the far side says first; b"" when it waits for us."""
        while len(self._begun) < 2:
            if await self._message() is None:
                raise Refused("the connection was closed at once")
        # Not cancelled when it takes long: what it reads is the next message.
        self._reading = asyncio.ensure_future(self._message())
        done, _ = await asyncio.wait([self._reading], timeout=SILENCE_SECONDS)
        return await self.receive() or b"" if done else b""

    async def receive(self) -> bytes | None:
        """The next bytes; None at the end."""
        data: bytes | None = b""
        while data == b"":
            reading, self._reading = self._reading, None
            data = await (reading or self._message())
        return data

    def drop(self) -> None:
        """Nothing more will be read."""
        if self._reading is not None:
            self._reading.cancel()

    async def _message(self) -> bytes | None:
        """b"" for a message that carries nothing of the connection."""
        from httpx_ws import WebSocketDisconnect

        try:
            message = await self._socket.receive_bytes()
        except WebSocketDisconnect:
            return None
        channel = message[0] if message else DATA
        if channel not in self._begun:
            self._begun.add(channel)
            return b""
        if channel == ERROR:
            raise Refused(words(message[1:].decode(errors="replace"), 200))
        return bytes(message[1:])


async def _out(reader: asyncio.StreamReader, socket: Socket) -> None:
    while data := await reader.read(CHUNK):
        await socket.send_bytes(b"\0" + data)


async def _in(far: _Far, writer: asyncio.StreamWriter) -> None:
    while data := await far.receive():
        writer.write(data)
        await writer.drain()
    await writer.drain()


async def _either(*works: Coroutine[Any, Any, None]) -> None:
    """Until one has ended; the protocol has no half-closed connections."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
