"""Another user of this machine reads nothing of a cluster: no socket, no file, no port."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.paths import socket_dir
from tests.broker.conftest import View, processes

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("setpriv"), reason="wants root, to become somebody else"
)

TRY_ALL = """
import json, os, socket, sys
opened = []
for path in json.load(sys.stdin):
    with socket.socket(socket.AF_UNIX) as plug:
        try:
            plug.connect(path)
        except PermissionError:
            continue
        except OSError as error:
            opened.append(f"{path}: {error}")
        else:
            opened.append(path)
print(json.dumps(opened))
"""


def as_nobody(paths: list[str]) -> list[str]:
    """Those of ``paths`` that ``nobody`` is not kept from by their permissions."""
    nobody = pwd.getpwnam("nobody")
    become = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    done = subprocess.run(
        [*become, "/usr/bin/python3", "-c", TRY_ALL],
        input=json.dumps(paths),
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    opened: list[str] = json.loads(done.stdout)
    return opened


def test_no_other_user_opens_a_socket_of_a_cluster(standing: View) -> None:
    ours = [*processes(), psutil.Process(call_broker("version")["pid"])]
    bound = {each.laddr for process in ours for each in process.net_connections("unix")} - {""}
    paths = sorted(path for path in bound if Path(path).exists())
    dashboard = call_broker("dashboard", name="main")["socket"]
    kinds = {Path(path).suffix for path in paths}
    assert {".ctl", ".sock", ".gate", ".pages"} <= kinds
    assert {dashboard, str(socket_dir() / "broker.sock")} <= set(paths)
    assert not [path for path in bound if path.startswith(("@", "\0"))]
    assert as_nobody(paths) == []


def test_what_tries_it_would_find_an_open_one() -> None:
    with tempfile.TemporaryDirectory(prefix="jc-") as folder, socket.socket(socket.AF_UNIX) as plug:
        os.chmod(folder, 0o755)
        path = f"{folder}/open.sock"
        plug.bind(path)
        os.chmod(path, 0o666)
        plug.listen()
        assert as_nobody([path]) == [path]
        os.chmod(folder, 0o700)
        assert as_nobody([path]) == []
