"""A kernel that is forked from a process which has imported all of it already."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from jupyter_continuum.runs.kernel_manager import QuietKernelManager
from jupyter_continuum.runs.sweep.ending import end
from jupyter_continuum.runs.sweep.fork import close_all_but, fork
from jupyter_continuum.runs.sweep.launcher import LAUNCHER

SHUTDOWN_POLL_SECONDS = 0.005
"""A kernel that is asked to end takes about 50 ms; jupyter_client looks every 100."""

Task = Callable[[], Any]


class Fork:
    """A process that will be a kernel as soon as it is told how; a ``Popen`` towards Jupyter."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, orders: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._orders = orders

    def start(self, command: list[str], env: dict[str, str], cwd: str) -> None:
        order = {"command": command, "env": env, "cwd": cwd}
        with os.fdopen(self._orders, "w") as file:
            json.dump(order, file)

    def poll(self) -> int | None:
        return self._wait(os.WNOHANG)

    def wait(self) -> int | None:
        return self._wait(0)

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork_kernel(plain: frozenset[str], first: list[str], last: list[str]) -> Fork | Task:
    """In this process the kernel to be; in the forked one, what it has to do.

    ``plain`` are the modules that a kernel has when the notebook's folder joins its path, and
    with it the folders ``first`` and ``last``. Raises OSError.
    """
    orders, ours = os.pipe()
    pid = fork()
    if pid == 0:
        close_all_but(orders)
        return lambda: _become_kernel(orders, plain, first, last)
    os.close(orders)
    return Fork(pid, ours)


def _become_kernel(orders: int, plain: frozenset[str], first: list[str], last: list[str]) -> None:
    """Be what ``python -m ipykernel_launcher`` is, up to the end of the process."""
    shared = frozenset(sys.modules)
    with os.fdopen(orders) as file:
        text = file.read()
    if not text:
        return  # the run ended before it had a kernel
    order = json.loads(text)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    command: list[str] = order["command"]
    arguments = command[command.index(LAUNCHER) + 1 :]
    sys.argv = [str(Path(sys.modules["ipykernel"].__file__ or "").parent.parent / f"{LAUNCHER}.py")]
    sys.argv += arguments
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _draw_anew()
    sys.path[:] = [*first, *sys.path, *last]
    for folder in (Path.cwd(), *map(Path, first)):
        _forget_hidden(folder, plain)
    from ipykernel.kernelapp import IPKernelApp

    # Its default was read from the environment of this process when it was imported.
    IPKernelApp.launch_instance(arguments, parent_handle=os.getppid())
    IPKernelApp.clear_instance()  # it holds the names of the notebook
    end(shared)


def _draw_anew() -> None:
    """Random numbers as after an import, not those of every other process that is forked."""
    random.seed()
    if "numpy.random" in sys.modules:
        import numpy.random

        numpy.random.seed()


def _forget_hidden(folder: Path, plain: frozenset[str]) -> None:
    """Let the notebook import its own ``tqdm.py``, whatever of that name was imported for us."""
    own = {path.stem for path in folder.glob("*.py")}
    own |= {path.parent.name for path in folder.glob("*/__init__.py")}
    for name in list(sys.modules):
        if name.partition(".")[0] in own and name not in plain:
            del sys.modules[name]


class ForkedProvisioner(LocalProvisioner):
    """Where Jupyter would start a program, the fork is told what to be."""

    def __init__(self, kernel: Fork, **options: Any) -> None:
        super().__init__(**options)
        self._kernel = kernel

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        env = kwargs["env"] | {"JPY_PARENT_PID": str(os.getpid())}
        self._kernel.start(cmd, env, str(kwargs.get("cwd") or Path.cwd()))
        self.process = self._kernel  # type: ignore[assignment]  # does all that is asked of a Popen
        self.pid = self.pgid = self._kernel.pid
        return self.connection_info


class ForkedKernelManager(QuietKernelManager):
    """Jupyter's manager of one kernel, which is that fork."""

    def __init__(self, kernel: Fork, **options: Any) -> None:
        super().__init__(**options)
        self._kernel = kernel

    async def _async_pre_start_kernel(self, **options: Any) -> Any:
        self.kernel_id = str(uuid.uuid4())
        self.provisioner = ForkedProvisioner(
            self._kernel, kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
        )
        return await super()._async_pre_start_kernel(**options)

    async def _async_finish_shutdown(
        self,
        waittime: float | None = None,
        pollinterval: float = SHUTDOWN_POLL_SECONDS,
        restart: bool = False,
    ) -> None:
        await super()._async_finish_shutdown(waittime, pollinterval, restart)
