"""The real comm of distributed over real exchanges, and the shorter ways inside a site."""

from __future__ import annotations

import asyncio
import inspect
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dask
import numpy as np
import pytest
from distributed.comm import CommClosedError, connect, listen
from distributed.comm.core import FatalCommClosedError
from distributed.comm.tcp import TCP, _close_comm, set_tcp_timeout
from distributed.protocol import to_serialize
from tornado.iostream import SSLIOStream

from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.cluster.security import make_identity, security
from jupyter_continuum.cluster.signatures import expected
from jupyter_continuum.relay import dialling
from jupyter_continuum.relay.comm import RelayConnector

from .conftest import Net, until


def credentials(authority, name: str):
    identity = make_identity(name)
    now = datetime.now(UTC)
    leaf = authority.sign(identity.request, name=name, life=timedelta(hours=1), now=now)
    return security(
        key=identity.key,
        certificate=leaf.decode(),
        authority=authority.certificate.decode(),
    )


@pytest.fixture(scope="module")
def secure():
    return credentials(make_authority("test"), "worker")


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch):
    monkeypatch.setattr(dialling, "_unreachable", {})


def beside(net: Net, site: str, folder: Path) -> dict[str, str]:
    """``continuum.relay`` of a process at ``site``."""
    folder.mkdir(exist_ok=True)
    exchange = str(net.folder / f"{site}.sock")
    return {"exchange": exchange, "site": site, "agent": "0", "direct-dir": str(folder)}


class Served:
    """A listener that sends back what it hears."""

    def __init__(self, net: Net, site: str, secure, *, host: str = "") -> None:
        relay = beside(net, site, net.folder / f"{site}.d") | {"direct-host": host}
        self._net = net
        self._relay = relay
        self._secure = secure

    async def _echo(self, comm) -> None:
        try:
            while True:
                await comm.write(await comm.read())
        except CommClosedError:
            pass  # as comms end
        finally:
            await comm.close()

    async def __aenter__(self):
        with dask.config.set({"continuum.relay": self._relay}):
            arguments = self._secure.get_listen_args("worker")
            site = self._relay["site"]
            self.listener = await listen(f"relay://{site}.0", self._echo, **arguments)
        self.address = self.listener.listen_address
        await until(lambda: self._net.hub.remote_listeners.get(f"{site}.0"))
        return self

    async def __aexit__(self, *_):
        self.listener.stop()


def dialled(address: str, secure, relay: dict[str, str], **more):
    arguments = secure.get_connection_args("worker")
    return connect(address, **{**arguments, "extra_conn_args": {"relay": relay}, **more})


async def echoed(comm, message):
    await comm.write(message)
    return await comm.read()


async def test_messages_go_round_over_two_gateways(net: Net, secure, tmp_path):
    async with Served(net, "b", secure) as served:
        comm = await dialled(served.address, secure, beside(net, "a", tmp_path / "a"))
        assert await echoed(comm, {"op": "x", "n": 1}) == {"op": "x", "n": 1}
        array = np.arange(3_000_000)
        answer = await echoed(comm, {"data": to_serialize(array)})
        assert (answer["data"] == array).all()
        assert comm.extra_info["cipher"]
        assert net.hub.bytes["a", "b"] > array.nbytes
        await comm.close()
    await until(lambda: net.streams() == 0)


async def test_processes_on_one_machine_need_no_exchange(net: Net, secure):
    async with Served(net, "b", secure) as served:
        net.carriers["b"].cut()
        near = beside(net, "b", net.folder / "b.d")
        comm = await dialled(served.address, secure, near | {"exchange": "/nowhere"})
        assert await echoed(comm, "hello") == "hello"
        await comm.close()
    await until(lambda: not net.gateways["b"].local_ports)


async def test_a_port_inside_the_site_is_dialled_directly(net: Net, secure, tmp_path):
    async with Served(net, "b", secure, host="127.0.0.1") as served:
        assert "@127.0.0.1:" in served.address
        comm = await dialled(served.address, secure, beside(net, "b", tmp_path / "other-node"))
        assert await echoed(comm, "hello") == "hello"
        assert comm.stream.socket.family == socket.AF_INET
        await comm.close()


async def test_a_refused_port_falls_back_to_the_exchange_and_is_remembered(
    net: Net, secure, tmp_path
):
    with socket.create_server(("127.0.0.1", 0)) as plug:
        closed = plug.getsockname()[1]
    async with Served(net, "b", secure) as served:
        number = int(served.address.rpartition(":")[2])
        net.gateways["b"].listeners[f"b.0:{closed}"] = net.gateways["b"].listeners[f"b.0:{number}"]
        elsewhere = beside(net, "b", tmp_path / "other-node")
        comm = await dialled(f"relay://b.0@127.0.0.1:{closed}", secure, elsewhere)
        assert await echoed(comm, "hello") == "hello"
        assert comm.stream.socket.family == socket.AF_UNIX
        await comm.close()
    assert list(dialling._unreachable) == [("127.0.0.1", closed)]


async def test_who_is_not_there_is_told(net: Net, secure, tmp_path):
    # The connector itself: distributed's connect tries again until its time is over.
    arguments = secure.get_connection_args("worker")
    relay = {"relay": beside(net, "a", tmp_path / "a")}
    with pytest.raises(CommClosedError, match=r"dialling b\.0:99: nobody listens as b\.0:99"):
        await RelayConnector().connect("b.0:99", **{**arguments, "extra_conn_args": relay})


async def test_a_worker_that_ended_is_dialled_once(net: Net, secure, tmp_path):
    async with Served(net, "b", secure) as served:
        address = served.address
    await until(lambda: not net.hub.remote_listeners["b.0"])
    # By distributed's connect, which for any other failure would go on until its time is over.
    with pytest.raises(FatalCommClosedError, match="has ended"):
        await dialled(address, secure, beside(net, "a", tmp_path / "a"))


async def test_somebody_of_another_cluster_is_refused_for_good(net: Net, secure, tmp_path):
    stranger = credentials(make_authority("other"), "worker")
    async with Served(net, "b", secure) as served:
        with pytest.raises(FatalCommClosedError, match="certificate verify failed"):
            await dialled(served.address, stranger, beside(net, "a", tmp_path / "a"))
    await until(lambda: net.streams() == 0)


async def test_without_certificates_nothing_is_dialled():
    with pytest.raises(TypeError, match="always encrypted"):
        await RelayConnector().connect("b.0:1")


async def test_a_cancelled_dial_leaves_nothing(net: Net, secure, tmp_path):
    """A listener that never answers the handshake: the caller gives up."""
    writers = []
    await net.listen("b", "b.0:7", lambda reader, writer: writers.append(writer))
    arguments = secure.get_connection_args("worker")
    relay = {"relay": beside(net, "a", tmp_path / "a")}
    connect = RelayConnector().connect("b.0:7", **{**arguments, "extra_conn_args": relay})
    connecting = asyncio.create_task(connect)
    await until(lambda: bool(writers))
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    writers[0].close()
    await until(lambda: len(net.gateways["a"].local_ports) == 0)


def test_the_parts_of_distributed_that_the_comm_touches_are_checked_at_start():
    assert {TCP.__init__, TCP._get_finalizer, TCP._read_extra} < set(expected())
    assert {_close_comm, set_tcp_timeout} < set(expected())
    assert list(inspect.signature(SSLIOStream.wait_for_handshake).parameters) == ["self"]
