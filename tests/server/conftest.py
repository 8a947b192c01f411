from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_continuum.broker.start import socket_path
from tests.server.broker_double import BrokerDouble
from tests.server.jupyter_process import READ_ONLY, JupyterServer


@pytest.fixture(scope="session")
def jupyter_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Jupyter data folder that decides where this session's broker listens."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def running_double(jupyter_data: Path) -> Iterator[BrokerDouble]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_DATA_DIR", str(jupyter_data))
        patch.setenv("XDG_RUNTIME_DIR", "")
        path = socket_path()
    double = BrokerDouble(path)
    yield double
    double.close()
    path.unlink()
    path.parent.rmdir()


@pytest.fixture
def broker(running_double: BrokerDouble) -> BrokerDouble:
    running_double.reset()
    return running_double


@pytest.fixture(scope="session")
def server(
    running_double: BrokerDouble, jupyter_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    running = JupyterServer(tmp_path_factory.mktemp("server") / "home", jupyter_data)
    yield running
    running.close()


@pytest.fixture(scope="session")
def read_only_server(
    running_double: BrokerDouble, jupyter_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    """A server whose user may look, and nothing else."""
    home = tmp_path_factory.mktemp("read-only") / "home"
    running = JupyterServer(home, jupyter_data, config=READ_ONLY)
    yield running
    running.close()
