"""The comm contract over inproc, tcp and tls as they come, and over the relay on each carrier."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from jupyter_continuum.sites.emulation import EmulatedSite
from jupyter_continuum.sites.here.conditions import Conditions
from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.protocols import Agent, CarrierName, Endpoint
from jupyter_continuum.sites.ssh.transport import SshTransport
from tests.carriers.comm_contract import CommTests, Ends, RelayCommTests, credentials
from tests.rig.fixtures import ssh_login


class TestInproc(CommTests):
    @pytest.fixture
    def ends(self) -> Ends:
        return Ends("inproc://")


class TestTcp(CommTests):
    @pytest.fixture
    def ends(self) -> Ends:
        return Ends("tcp://127.0.0.1")


class TestTls(CommTests):
    @pytest.fixture
    def ends(self) -> Ends:
        secure = credentials()
        listen, dial = secure.get_listen_args("worker"), secure.get_connection_args("worker")
        return Ends("tls://127.0.0.1", listen, dial)


def dialled(endpoint: Endpoint) -> Agent:
    return Agent("jc-t", 0, "n0", (endpoint,))


class TestRelayOverASocket(RelayCommTests):
    @pytest.fixture
    async def reach(self):
        transport = ShellTransport("here")

        async def reach(gateway, endpoint):
            return transport.carriers[0], dialled(endpoint)

        yield reach
        await transport.close()


class TestRelayOverAnImitatedLink(RelayCommTests):
    """10 ms each way at 200 Mbit/s."""

    @pytest.fixture
    async def reach(self):
        from jupyter_continuum.sites.here.emulated import EmulatedTransport

        transport = EmulatedTransport(Conditions(EmulatedSite()))

        async def reach(gateway, endpoint):
            return transport.carriers[0], dialled(endpoint)

        yield reach
        await transport.close()


@asynccontextmanager
async def by_ssh(site, door: str, name: CarrierName):
    """Through a real sshd: ``sitea``, whose login node is this machine."""

    class Nobody:
        async def ask(self, question):
            raise AssertionError(f"nobody is to be asked: {question}")

    transport = SshTransport(ssh_login(site, door), site.spec.name, Nobody(), print)
    await transport.connect()

    async def reach(gateway, endpoint):
        carrier = next(each for each in transport.carriers if each.name is name)
        return carrier, dialled(endpoint)

    try:
        yield reach
    finally:
        await transport.close()


@pytest.mark.slurm
class TestRelayOverSshForward(RelayCommTests):
    @pytest.fixture
    async def reach(self, slurm_site_a):
        async with by_ssh(slurm_site_a, "key", CarrierName.FORWARD) as reach:
            yield reach


@pytest.mark.slurm
class TestRelayOverSshExec(RelayCommTests):
    """By a door that denies forwarding."""

    @pytest.fixture
    async def reach(self, slurm_site_a):
        async with by_ssh(slurm_site_a, "closed", CarrierName.EXEC) as reach:
            yield reach


class TestRelayOverOutbound(RelayCommTests):
    """TLS and WebSocket, dialled by the agent's own code."""

    @pytest.fixture
    async def reach(self):
        from tests.dial_out import outside

        async with AsyncExitStack() as stack:
            out = await stack.enter_async_context(outside())

            async def reach(gateway, endpoint):
                agent = await stack.enter_async_context(out.agent(gateway.welcome))
                return out.carrier, agent

            yield reach


class TestRelayOverOutboundThroughAProxy(RelayCommTests):
    """The same by a real HTTP CONNECT proxy that wants a user name and password."""

    @pytest.fixture
    async def reach(self, tmp_path: Path):
        from tests.dial_out import outside, proxy

        async with AsyncExitStack() as stack:
            out = await stack.enter_async_context(outside())
            there = stack.enter_context(proxy(tmp_path, reach=out.port))

            async def reach(gateway, endpoint):
                dialling = out.agent(gateway.welcome, environment=there.environment)
                return out.carrier, await stack.enter_async_context(dialling)

            yield reach
