"""A JupyterLab of the demo's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.runs.kernel_transport import kernel_transport

QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
"""Settings: no question about news lies over the lesson."""
OPEN_PANEL = {
    "data": {
        "layout-restorer:data": {
            "left": {"collapsed": False, "visible": True, "current": "jupyter-continuum-panel"},
            "relativeSizes": [0.26, 0.74, 0],
        }
    },
    "metadata": {"id": "default"},
}
"""The workspace of the first visit: the Continuum panel is open beside the lesson."""

SECONDS_TO_START = 90
SECONDS_TO_END = 60
"""On SIGTERM the server ends its kernels first, which takes long on a busy machine."""


@dataclass(frozen=True, slots=True)
class Lab:
    process: subprocess.Popen[bytes]
    url: str
    token: str
    log: Path

    def address(self, notebook: str) -> str:
        """Where the person opens ``notebook``."""
        return f"{self.url}lab/tree/{quote(notebook)}?{urlencode({'token': self.token})}"

    def wait(self) -> None:
        """Return when the server has ended by itself; ContinuumError when it failed."""
        status = self.process.wait()
        if status:
            raise ContinuumError(f"JupyterLab ended with status {status}: {last_line(self.log)}")


@contextmanager
def jupyterlab(folder: Path, *, port: int) -> Iterator[Lab]:
    """JupyterLab on ``folder``, ready to be opened; ended with the block."""
    log = folder.parent / "lab.log"
    prepare(folder.parent)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(folder, port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A Ctrl-C in this terminal is for the demo, which ends the server in its turn.
            start_new_session=True,
        )
    try:
        url, token = address_of(process, log)
        yield Lab(process, url, token, log)
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def prepare(home: Path) -> None:
    """Write what JupyterLab reads at its first visit, below ``home``."""
    (home / "settings").mkdir(exist_ok=True)
    (home / "settings" / "overrides.json").write_text(json.dumps(QUIET))
    show_panel_at_first(home / "workspaces")


def show_panel_at_first(workspaces: Path | None = None) -> None:
    """Have the panel open beside the first notebook, where nobody has arranged JupyterLab yet."""
    from jupyterlab.commands import get_workspaces_dir
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    manager = WorkspacesManager(str(workspaces or get_workspaces_dir()))
    if not manager.load("default")["data"]:
        manager.save("default", json.dumps(OPEN_PANEL))


def command(folder: Path, port: int) -> list[str]:
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
    words += [
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.app_settings_dir={folder.parent / 'settings'}",
        f"--LabApp.workspaces_dir={folder.parent / 'workspaces'}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    traits = kernel_transport(Path(os.environ["JUPYTER_RUNTIME_DIR"]))
    words += [f"--KernelManager.{name}={value}" for name, value in traits.items()]
    return words + (["--allow-root"] if os.getuid() == 0 else [])


def address_of(process: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    """Address and token, from the file that the server writes once it listens."""
    runtime = Path(os.environ["JUPYTER_RUNTIME_DIR"])
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        try:
            told = json.loads((runtime / f"jpserver-{process.pid}.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            if process.poll() is not None:
                raise ContinuumError(f"JupyterLab did not start: {last_line(log)}") from None
            time.sleep(0.1)
            continue
        return told["url"], told["token"]
    raise ContinuumError(
        f"JupyterLab did not start within {SECONDS_TO_START} seconds: {last_line(log)}"
    )


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing."
