"""Sites of this machine keep the contract that Slurm keeps."""

from __future__ import annotations

import secrets

import pytest

from jupyter_continuum.sites.emulation import EmulatedSite
from jupyter_continuum.sites.here.conditions import Conditions
from jupyter_continuum.sites.here.emulated import EmulatedLauncher, EmulatedTransport
from jupyter_continuum.sites.here.local import LocalLauncher, LocalTransport
from jupyter_continuum.sites.testing import (
    DialledCarrierTests,
    FilesTests,
    FolderLauncherTests,
    ShellTests,
)

FAR = EmulatedSite(queue_seconds=0.2)


@pytest.fixture
def stub(tmp_path):
    """Writes shell lines as an executable that stands in for ``python``."""

    def write(lines: str) -> str:
        path = tmp_path / f"python-{secrets.token_hex(4)}"
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)
        return str(path)

    return write


class TestLocalLauncher(FolderLauncherTests):
    @pytest.fixture
    def launcher(self, tmp_path):
        return LocalLauncher("here", tmp_path / "site")

    @pytest.fixture
    def stub(self, stub):
        return stub


class TestEmulatedLauncher(FolderLauncherTests):
    @pytest.fixture
    def launcher(self, tmp_path):
        return EmulatedLauncher(Conditions(FAR, "far"), tmp_path / "site")

    @pytest.fixture
    def stub(self, stub):
        return stub


class TestLocalTransport(ShellTests, FilesTests, DialledCarrierTests):
    @pytest.fixture
    async def transport(self):
        transport = LocalTransport()
        yield transport
        await transport.close()


class TestEmulatedTransport(ShellTests, FilesTests, DialledCarrierTests):
    @pytest.fixture
    async def transport(self):
        transport = EmulatedTransport(Conditions(FAR))
        await transport.connect()
        yield transport
        await transport.close()
