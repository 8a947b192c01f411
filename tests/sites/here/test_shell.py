"""Commands and byte streams on this machine."""

from __future__ import annotations

import pytest

from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.testing import DialledCarrierTests, ShellTests


class TestShell(ShellTests, DialledCarrierTests):
    @pytest.fixture
    async def transport(self):
        transport = ShellTransport("here")
        yield transport
        await transport.close()


async def test_our_own_environment_stays_here(monkeypatch):
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    result = await ShellTransport("here").run("env")
    assert "JUPYTER_TOKEN" not in result.stdout
    assert "PATH=" in result.stdout
