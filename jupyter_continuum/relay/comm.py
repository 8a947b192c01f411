"""``relay://`` for distributed: found through the entry point ``distributed.comm.backends``.

A listener never binds a port that somebody outside could dial: it has a Unix socket for its
own exchange, and, where its agent says so, a TCP port for workers of the same site. A dial
tries, in order, the Unix socket of a process on this machine, TCP inside the site, and the
exchange. Mutual TLS runs end to end inside all three.

Configuration (``continuum.relay`` of ``dask.config``): ``exchange`` socket of the exchange beside
this process; ``site`` and ``agent``; ``direct-dir`` folder of Unix sockets of this site on this
machine; ``direct-host`` numeric address to bind for the site's other workers, or "". A process
that talks to several clusters gives these to each ``Security`` instead, as ``extra_conn_args``
under the key ``relay``.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import ssl
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dask
from distributed.comm.core import (
    BaseListener,
    Comm,
    CommClosedError,
    Connector,
    FatalCommClosedError,
)
from distributed.comm.registry import Backend
from distributed.comm.tcp import MAX_BUFFER_SIZE, TLS, _close_comm, set_tcp_timeout
from tornado.iostream import IOStream, StreamClosedError

from jupyter_continuum.relay import address as addresses

Settings = Mapping[str, str]
PREFIX = "relay://"
DIRECT_SECONDS = 2
"""How long a dial inside the site may take before the exchange is used instead."""


class RelayComm(TLS):
    """TLS over a Unix or TCP socket; the peer certificate is in ``extra_info``."""

    def __init__(self, stream: IOStream, local: str, peer: str, deserialize: bool = True) -> None:
        # As TCP.__init__, but a Unix socket has no TCP time-outs to set.
        Comm.__init__(self, deserialize=deserialize)
        self._closed = False
        self._local_addr, self._peer_addr = local, peer
        self.stream = stream
        self._finalizer = weakref.finalize(self, self._get_finalizer())
        self._finalizer.atexit = False
        self._extra: dict[str, Any] = {}
        reference = weakref.ref(self)
        stream.set_close_callback(lambda: _close_comm(reference))
        if stream.socket.family != socket.AF_UNIX:
            stream.set_nodelay(True)
            set_tcp_timeout(stream)
        self._read_extra()


class RelayConnector(Connector):
    """Dials a relay address the shortest way there is."""

    async def connect(
        self, address: str, deserialize: bool = True, **connection_args: Any
    ) -> RelayComm:
        context = _context(connection_args)
        relay = _settings(connection_args)
        target = addresses.parse(address)
        stream = None
        try:
            stream = await _dial_direct(target, relay)
            stream = stream or await _ask_exchange({"dial": str(target)}, relay)
            stream = await stream.start_tls(False, ssl_options=context)
            return RelayComm(stream, PREFIX + _own_name(relay), PREFIX + address, deserialize)
        except ssl.SSLError as error:
            raise FatalCommClosedError(f"relay: TLS with {address} failed: {error}") from error
        except (StreamClosedError, OSError) as error:
            raise CommClosedError(f"relay: dialling {address}: {error}") from error
        except BaseException:
            if stream is not None:
                stream.close()
            raise


class RelayListener(BaseListener):
    """Takes streams from the exchange and from the site's other processes."""

    prefix = PREFIX
    encrypted = True

    def __init__(
        self,
        location: str,
        handler: Callable[[Comm], Any],
        deserialize: bool = True,
        allow_offload: bool = True,
        **connection_args: Any,
    ) -> None:
        super().__init__()
        host, _, number = location.rpartition(":") if ":" in location else (location, "", "0")
        self._name = host or _own_name(_settings())
        self._number = int(number or 0)
        self._handler = handler
        self._deserialize = deserialize
        self._allow_offload = allow_offload
        self._context = _context(connection_args)
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._paths: list[Path] = []
        self._registration: IOStream | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._address: addresses.Address | None = None

    async def start(self) -> None:
        """Bind, and tell the exchange; OSError when it refuses."""
        site, _, agent = self._name.partition(".")
        host = str(dask.config.get("continuum.relay.direct-host", ""))
        if host:
            plug = socket.create_server((host, self._number), backlog=2048)
            self._number = plug.getsockname()[1]
            self._accept_from(plug)
        folder = Path(dask.config.get("continuum.relay.direct-dir"))
        self._accept_from(self._bind_unix(folder, agent))
        self._address = addresses.Address(site, agent, self._number, host)
        request = {"listen": str(self._address), "path": str(self._paths[0])}
        self._registration = await _ask_exchange(request, _settings())

    def stop(self) -> None:
        for plug in self._sockets:
            asyncio.get_running_loop().remove_reader(plug)
            plug.close()
        self._sockets.clear()
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths.clear()
        if self._registration is not None:
            self._registration.close()
            self._registration = None

    @property
    def listen_address(self) -> str:
        return f"{PREFIX}{self._known_address()}"

    contact_address = listen_address

    def get_host_port(self) -> tuple[str, int]:
        address = self._known_address()
        return address.exchange, address.number

    def _known_address(self) -> addresses.Address:
        if self._address is None:
            raise ValueError("invalid operation on a listener that was not started")
        return self._address

    def _bind_unix(self, folder: Path, agent: str) -> socket.socket:
        """A Unix socket named after the address, readable by its owner alone."""
        plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        fixed = self._number
        while True:
            number = fixed or random.randint(1, 65535)
            path = folder / f"{agent}-{number}.sock"
            try:
                plug.bind(str(path))
            except OSError:
                if fixed or not path.exists():
                    plug.close()
                    raise
                continue  # somebody else's number: take another
            os.chmod(path, 0o600)
            plug.listen(2048)
            self._number = number
            self._paths.append(path)
            return plug

    def _accept_from(self, plug: socket.socket) -> None:
        plug.setblocking(False)
        self._sockets.append(plug)
        asyncio.get_running_loop().add_reader(plug, self._accept, plug)

    def _accept(self, plug: socket.socket) -> None:
        for _ in range(64):
            try:
                connection, _ = plug.accept()
            except OSError:
                return  # nobody is left, or the caller went away
            task = asyncio.get_running_loop().create_task(self._welcome(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        stream = IOStream(connection, max_buffer_size=MAX_BUFFER_SIZE)
        try:
            stream = await stream.start_tls(True, ssl_options=self._context)
            comm = RelayComm(stream, self.listen_address, PREFIX + "caller", self._deserialize)
            comm.allow_offload = self._allow_offload
            await self.on_connection(comm)
        except (StreamClosedError, OSError):  # CommClosedError and SSLError are OSErrors
            stream.close()
            return
        await self._handler(comm)


class RelayBackend(Backend):
    """What ``distributed.comm.registry`` asks of a scheme."""

    def get_connector(self) -> RelayConnector:
        return RelayConnector()

    def get_listener(
        self, loc: str, handle_comm: Callable[[Comm], Any], deserialize: bool, **kwargs: Any
    ) -> RelayListener:
        return RelayListener(loc, handle_comm, deserialize, **kwargs)

    def get_address_host(self, loc: str) -> str:
        return addresses.parse(loc).exchange if ":" in loc else loc

    def get_address_host_port(self, loc: str) -> tuple[str, int]:
        address = addresses.parse(loc)
        return address.exchange, address.number

    def resolve_address(self, loc: str) -> str:
        return loc

    def get_local_address_for(self, loc: str) -> str:
        return _own_name(_settings())


_unreachable: set[str] = set()
"""TCP hosts of this site that did not answer: not tried again by this process."""


async def _dial_direct(target: addresses.Address, relay: Settings) -> IOStream | None:
    """A stream to a process of this site, or None where only the exchange can help."""
    if target.site != relay.get("site", ""):
        return None
    folder = relay.get("direct-dir", "")
    path = os.path.join(folder, f"{target.agent}-{target.number}.sock")
    if folder and os.path.exists(path):
        stream = IOStream(socket.socket(socket.AF_UNIX), max_buffer_size=MAX_BUFFER_SIZE)
        try:
            return await stream.connect(path)
        except StreamClosedError:
            stream.close()  # left behind by a process that died, or of another node
    if target.host and target.host not in _unreachable:
        family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        stream = IOStream(socket.socket(family), max_buffer_size=MAX_BUFFER_SIZE)
        try:
            async with asyncio.timeout(DIRECT_SECONDS):
                return await stream.connect((target.host, target.number))
        except (StreamClosedError, TimeoutError):
            stream.close()
            _unreachable.add(target.host)
    return None


async def _ask_exchange(request: dict[str, str], relay: Settings) -> IOStream:
    """Send one request to the exchange beside this process; the stream once it agreed."""
    stream = IOStream(socket.socket(socket.AF_UNIX), max_buffer_size=MAX_BUFFER_SIZE)
    try:
        await stream.connect(relay["exchange"])
        await stream.write(json.dumps(request).encode() + b"\n")
        answer = json.loads(await stream.read_until(b"\n", max_bytes=4096))
    except BaseException:
        stream.close()
        raise
    if "error" in answer:
        stream.close()
        raise CommClosedError(str(answer["error"]))
    return stream


def _settings(connection_args: Mapping[str, Any] = MappingProxyType({})) -> Settings:
    """How this process, or this one connection of it, meets the relay."""
    own = (connection_args.get("extra_conn_args") or {}).get("relay") or {}
    return {**dask.config.get("continuum.relay", {}), **own}


def _own_name(relay: Settings) -> str:
    """``site.agent`` of this process."""
    return f"{relay.get('site', addresses.HOME)}.{relay.get('agent', 'client')}"


def _context(connection_args: dict[str, Any]) -> ssl.SSLContext:
    context = connection_args.get("ssl_context")
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(
            "relay:// is always encrypted: give distributed a Security with certificates"
        )
    return context
