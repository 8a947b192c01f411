"""A Client of a Dask cluster that somebody else runs, over a Unix socket that leads to it.

Dask's own protocol goes through, as on ``tcp://``: such a cluster has no certificates of ours.
"""

from __future__ import annotations

import socket
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed.comm.core import Comm, CommClosedError, Connector
from distributed.comm.registry import Backend, backends
from distributed.comm.tcp import MAX_BUFFER_SIZE, TCP, _close_comm
from tornado.iostream import IOStream, StreamClosedError

from jupyter_continuum.cluster.new_client import new_client

if TYPE_CHECKING:
    from distributed import Client

SCHEME = "jc-socket"


class SocketComm(TCP):
    """As ``tcp://``, over a Unix socket."""

    def __init__(self, stream: IOStream, peer: str, deserialize: bool = True) -> None:
        # As TCP.__init__, but a Unix socket has no TCP time-outs to set.
        Comm.__init__(self, deserialize=deserialize)
        self._closed = False
        self._local_addr, self._peer_addr = f"{SCHEME}://client", peer
        self.stream = stream
        self._finalizer = weakref.finalize(self, self._get_finalizer())  # type: ignore[no-untyped-call]
        self._finalizer.atexit = False
        self._extra: dict[str, Any] = {}
        reference = weakref.ref(self)
        stream.set_close_callback(lambda: _close_comm(reference))


class SocketConnector(Connector):
    async def connect(self, address: str, deserialize: bool = True, **_: Any) -> SocketComm:
        plug = socket.socket(socket.AF_UNIX)
        stream = IOStream(plug, max_buffer_size=MAX_BUFFER_SIZE)
        try:
            await stream.connect(address)  # a path, not host and port
        except (OSError, StreamClosedError) as error:
            stream.close()
            raise CommClosedError(f"nobody listens at {address}") from error
        return SocketComm(stream, f"{SCHEME}://{address}", deserialize)


class SocketBackend(Backend):
    """What ``distributed.comm.registry`` asks of a scheme; nothing listens under it."""

    def get_connector(self) -> SocketConnector:
        return SocketConnector()

    def get_listener(
        self, loc: str, handle_comm: Callable[[Comm], Any], deserialize: bool, **kwargs: Any
    ) -> Any:  # never a listener
        raise NotImplementedError(f"{SCHEME}:// is dialled only")

    def get_address_host(self, loc: str) -> str:
        return loc

    def get_address_host_port(self, loc: str) -> tuple[str, int]:
        return loc, 0

    def resolve_address(self, loc: str) -> str:
        return loc

    def get_local_address_for(self, loc: str) -> str:
        return "client"


def open_foreign_client(path: Path, *, asynchronous: bool = False) -> Client:
    """A distributed Client of the scheduler at the other end of ``path``."""
    backends.setdefault(SCHEME, SocketBackend())
    # Its workers cannot be dialled from here: results come through its scheduler.
    return new_client(f"{SCHEME}://{path}", asynchronous=asynchronous, direct_to_workers=False)
