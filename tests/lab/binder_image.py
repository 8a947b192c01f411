"""What repo2docker makes of ``binder/``, without a container: the same steps in the same order."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.free_port import free_port
from tests.server.jupyter_process import TOKEN
from tests.test_tracked_files import ROOT, tracked

BASE = "/user/ada-lessons-x1y2/"
"""Where BinderHub's proxy puts a server."""
START_SECONDS = 120
POD = {"BINDER_LAUNCH_HOST": "https://binder.example/", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
"""What BinderHub and Kubernetes put into the environment."""


def clone(folder: Path) -> Path:
    """The files that somebody who clones the repository gets, and the built panel if there is one.

    With the panel the installation needs no npm; one that is not fresh is built anew all the same.
    """
    for path in tracked():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    bundle = ROOT / "jupyter_continuum" / "labextension"
    if bundle.is_dir():
        shutil.copytree(bundle, folder / "jupyter_continuum" / "labextension")
    return folder


@dataclass(frozen=True, slots=True)
class Image:
    """An environment with the pip list of ``binder/`` in it; the clone is the home of the user."""

    home: Path
    environment: Path

    def variables(self, **more: str) -> dict[str, str]:
        """The environment of a pod's processes: nothing of the test's own."""
        temporary = self.home.parent / "t"
        temporary.mkdir(mode=0o700, exist_ok=True)
        path = os.pathsep.join((str(self.environment / "bin"), "/usr/bin", "/bin"))
        here = {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8", "TMPDIR": str(temporary)}
        return here | more

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.home,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def processes(self) -> list[psutil.Process]:
        """Everything that runs in the pod, whoever started it."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == str(self.home):
                    found.append(process)
            except psutil.Error:
                continue
        return found


def build(folder: Path) -> Image:
    """Install the pip list into a clean environment, then run postBuild."""
    image = Image(clone(folder / "home"), folder / "environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", image.environment], check=True)
    # uv reads the list as pip does, and in seconds.
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet"),
            *("--python", str(image.environment / "bin" / "python")),
            *("-r", "binder/requirements.txt"),
        ],
        cwd=image.home,
        env=os.environ | {"UV_SYSTEM_CERTS": "1"},
        check=True,
    )
    return image


@contextmanager
def started(image: Image) -> Iterator[str]:
    """A server as the pod starts it, ready when it answers; its address. All of it ends."""
    port = free_port()
    log = image.home.parent / "pod.log"
    words = [
        str(image.home / "binder" / "start"),
        *("jupyter", "lab", "--ip=127.0.0.1", f"--port={port}", "--no-browser", "--allow-root"),
        *(f"--ServerApp.base_url={BASE}", f"--IdentityProvider.token={TOKEN}"),
    ]
    with log.open("wb") as output:
        pod = subprocess.Popen(
            words,
            cwd=image.home,
            env=image.variables(**POD),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield _address(image, pod, log)
    finally:
        _end(image, pod)


def _address(image: Image, pod: subprocess.Popen[bytes], log: Path) -> str:
    """The address in the file that a server writes once it listens."""
    told = image.home / ".local" / "share" / "jupyter" / "runtime" / f"jpserver-{pod.pid}.json"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and pod.poll() is None:
        try:
            return str(json.loads(told.read_text())["url"])
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.1)
    raise AssertionError(f"the pod's server did not start:\n{log.read_text()[-4000:]}")


def _end(image: Image, pod: subprocess.Popen[bytes]) -> None:
    """What the end of a container does: every process goes at once."""
    deadline = time.monotonic() + 30
    while left := image.processes():
        assert time.monotonic() < deadline, left
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=5)
    pod.wait()
