"""Kernels are reached by files, as long as a path of them fits a socket."""

from __future__ import annotations

import tempfile
from pathlib import Path

import zmq

from jupyter_continuum.runs.kernel_transport import LONGEST, SOCKET_PATH_BYTES, kernel_transport


def test_by_files_as_long_as_a_socket_takes_their_path() -> None:
    with tempfile.TemporaryDirectory(prefix="jct-", dir="/tmp") as top:
        room = SOCKET_PATH_BYTES - len(top) - len(LONGEST) - 2
        folder = Path(top) / ("r" * room)
        folder.mkdir()
        assert kernel_transport(folder) == {"transport": "ipc"}
        with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
            socket.bind(f"ipc://{folder / LONGEST}")
    assert kernel_transport(Path(top) / ("r" * (room + 1))) == {"transport_encryption": "auto"}
