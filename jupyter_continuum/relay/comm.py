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
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from jupyter_continuum.relay import address as addresses
from jupyter_continuum.relay.dialling import Settings, ask_exchange, dial, socket_name
from jupyter_continuum.relay.pipe import Door, listen_unix, widen

PREFIX = "relay://"
HANDSHAKE_SECONDS = 60
"""How long a caller may take for its TLS handshake, over the widest link."""


class RelayComm(TLS):
    """TLS over a Unix or TCP socket; the peer certificate is in ``extra_info``."""

    def __init__(self, stream: IOStream, local: str, peer: str, deserialize: bool = True) -> None:
        # As TCP.__init__, but a Unix socket has no TCP time-outs to set.
        Comm.__init__(self, deserialize=deserialize)
        self._closed = False
        self._local_addr, self._peer_addr = local, peer
        self.stream = stream
        self._finalizer = weakref.finalize(self, self._get_finalizer())  # type: ignore[no-untyped-call]
        self._finalizer.atexit = False
        self._extra: dict[str, Any] = {}
        reference = weakref.ref(self)
        stream.set_close_callback(lambda: _close_comm(reference))
        if stream.socket.family != socket.AF_UNIX:
            stream.set_nodelay(True)
            set_tcp_timeout(stream)
        self._read_extra()  # type: ignore[no-untyped-call]


class RelayConnector(Connector):
    """Dials a relay address the shortest way there is."""

    async def connect(
        self, address: str, deserialize: bool = True, **connection_args: Any
    ) -> RelayComm:
        context = _context(connection_args)
        relay = _settings(connection_args)
        try:
            plug = await dial(addresses.parse(address), relay)
            stream = await _encrypt(plug, context, server=False)
        except (StreamClosedError, OSError) as error:  # also CommClosedError
            reason = getattr(error, "real_error", None) or error
            if isinstance(reason, ssl.SSLError) and not isinstance(reason, ssl.SSLEOFError):
                raise FatalCommClosedError(f"relay: TLS with {address}: {reason}") from error
            final = isinstance(error, FatalCommClosedError)
            kind = FatalCommClosedError if final else CommClosedError
            raise kind(f"relay: dialling {address}: {reason}") from error
        return RelayComm(stream, PREFIX + _own_name(relay), PREFIX + address, deserialize)


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
        self._doors: list[Door] = []
        self._path: Path | None = None
        self._registration: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._address: addresses.Address | None = None

    async def start(self) -> None:
        """Bind, and tell the exchange; OSError when it refuses."""
        site, _, agent = self._name.partition(".")
        host = str(dask.config.get("continuum.relay.direct-host", ""))
        try:
            if host:
                door = Door(socket.create_server((host, self._number), backlog=2048), self._accept)
                self._doors.append(door)
                self._number = door.port
            path, plug = self._bind_unix(Path(dask.config.get("continuum.relay.direct-dir")), agent)
            self._path = path
            self._doors.append(Door(plug, self._accept))
            self._address = addresses.Address(site, agent, self._number, host)
            request = {"listen": str(self._address), "path": str(path)}
            self._registration = await ask_exchange(request, _settings())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for door in self._doors:
            door.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None
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

    def _bind_unix(self, folder: Path, agent: str) -> tuple[Path, socket.socket]:
        """A Unix socket named after the address."""
        fixed = self._number
        while True:
            self._number = fixed or random.randint(1, 65535)
            path = folder / socket_name(agent, self._number)
            try:
                return path, listen_unix(path)
            except OSError:
                if fixed or not path.exists():
                    raise
                # somebody else's number: take another

    def _accept(self, plug: socket.socket) -> None:
        task = asyncio.get_running_loop().create_task(self._welcome(plug))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _welcome(self, plug: socket.socket) -> None:
        if plug.family == socket.AF_UNIX:
            widen(plug)
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                stream = await _encrypt(plug, self._context, server=True)
        except (StreamClosedError, OSError):  # SSLError and TimeoutError are OSErrors
            return  # it proved nothing, so it gets no answer
        comm = RelayComm(stream, self.listen_address, PREFIX + "caller", self._deserialize)
        comm.allow_offload = self._allow_offload
        try:
            await self.on_connection(comm)
        except OSError:  # CommClosedError is one: the caller speaks no Dask
            comm.abort()
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


async def _encrypt(plug: socket.socket, context: ssl.SSLContext, *, server: bool) -> IOStream:
    """TLS over ``plug``, which is closed if that fails. StreamClosedError, OSError."""
    try:
        wrapped = context.wrap_socket(plug, server_side=server, do_handshake_on_connect=False)
    except BaseException:
        plug.close()
        raise
    stream = SSLIOStream(wrapped, ssl_options=context, max_buffer_size=MAX_BUFFER_SIZE)
    try:
        await stream.wait_for_handshake()
    except BaseException:
        stream.close()
        raise
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
