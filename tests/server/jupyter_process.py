"""A real ``jupyter server`` process, and an HTTP client that says exactly what it is told to."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.free_port import free_port

TOKEN = "token-of-the-test"
START_SECONDS = 60

READ_ONLY = """
from jupyter_server.auth import Authorizer

class ReadOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return action == "read"

c.ServerApp.authorizer_class = ReadOnly
"""


class JupyterServer:
    """Runs until ``close``; its own HOME and Jupyter folders lie below ``home``."""

    def __init__(
        self,
        home: Path,
        data: Path,
        *,
        module: str = "jupyter_server",
        arguments: Sequence[str] = (),
        config: str = "",
        scheduler: bool = False,
        env: Mapping[str, str] | None = None,
        base: str = "/",
    ) -> None:
        """``scheduler``: with jupyter-scheduler, which is installed for its own tests only."""
        (home / "config").mkdir(parents=True, exist_ok=True)
        (home / "config" / "jupyter_server_config.py").write_text(config)
        extensions = {"jpserver_extensions": {"jupyter_scheduler": scheduler}}
        (home / "config" / "jupyter_server_config.json").write_text(
            json.dumps({"ServerApp": extensions})
        )
        self.root = home
        self.base = base
        self.log = home / "server.log"
        self.port = free_port()
        self._runtime = tempfile.mkdtemp(prefix="jct-")  # short: it has the kernels' sockets
        self._command = [
            sys.executable,
            "-m",
            module,
            "--debug",
            "--allow-root",
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.base_url={base}",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={home}",
            # A port chosen for a kernel may be taken before it starts; it is then never idle.
            "--KernelManager.transport=ipc",
            *arguments,
        ]
        self._env = (
            os.environ
            | {
                "HOME": str(home),
                "JUPYTER_CONFIG_DIR": str(home / "config"),
                "JUPYTER_DATA_DIR": str(data),
                "JUPYTER_RUNTIME_DIR": self._runtime,
                "XDG_RUNTIME_DIR": "",
            }
            | dict(env or {})
        )
        self._process = self._start()

    def restart(self) -> None:
        """The same server in a new process, at the same address."""
        self._end()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
            )
        self._wait_until_it_answers(process)
        return process

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON body of one request; ``path``, below the base, is sent as written."""
        path = self.base.rstrip("/") + path
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"token {token}"
        text = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, body=text, headers=sent)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(content)
        except ValueError:
            return response.status, None

    def url(self, path: str) -> str:
        """What a browser asks for to see ``path``."""
        return f"http://127.0.0.1:{self.port}{self.base}{path}"

    def login_cookies(self) -> str:
        """Cookies of a browser that came in with the token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/login?token={TOKEN}")
        response = connection.getresponse()
        cookies = response.headers.get_all("Set-Cookie") or []
        connection.close()
        return "; ".join(re.split(";", cookie)[0] for cookie in cookies)

    def close(self) -> None:
        self._end()
        shutil.rmtree(self._runtime, ignore_errors=True)

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                if self.ask("GET", "/api/status")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"jupyter server did not start:\n{self.log.read_text()[-4000:]}")
