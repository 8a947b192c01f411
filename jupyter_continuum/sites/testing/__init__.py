"""The contract of Transport, Carrier and Launcher, as tests to inherit.

::

    class TestMySite(LauncherTests):
        @pytest.fixture
        async def launcher(self): ...
        @pytest.fixture
        def stub(self): ...

Needs pytest and pytest-asyncio in auto mode. The tests drive the real thing: commands
run, jobs are queued, bytes flow.
"""

from jupyter_continuum.sites.testing.carriers import CarrierTests, DialledCarrierTests, echoed
from jupyter_continuum.sites.testing.files import FilesTests
from jupyter_continuum.sites.testing.launchers import (
    ANNOUNCE,
    RANK,
    STAY,
    FolderLauncherTests,
    LauncherTests,
    announced,
    settled,
)
from jupyter_continuum.sites.testing.transports import ShellTests, TransportTests

__all__ = [
    "ANNOUNCE",
    "RANK",
    "STAY",
    "CarrierTests",
    "DialledCarrierTests",
    "FilesTests",
    "FolderLauncherTests",
    "LauncherTests",
    "ShellTests",
    "TransportTests",
    "announced",
    "echoed",
    "settled",
]
