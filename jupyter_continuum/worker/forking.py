"""The zygote of an agent: a process that has imported what workers do, and that they fork from.

It is CPython's fork server, which distributed can use as it is. Added are the environment and the
folder that it starts with, its imports, and the cases in which a worker is spawned as by Dask's
own default.

Only for several workers: with one, it would take 19 MB more beside 103 for agent and worker, and
bring nothing but a faster restart. Four workers with their agent take 186 MB instead of 245, and
3.5 s of CPU instead of 6.3 (PSS; Python 3.11, distributed 2026.8).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Literal

from jupyter_continuum.cluster.log import say

BEFORE_THE_START = {
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""distributed's `nanny.pre-spawn-environ`: read when a program starts or a library is loaded."""
HASH_SEED = {"PYTHONHASHSEED": "6640"}
"""The one that distributed's nannies give: strings hash alike on all workers of a cluster."""
IMPORTS = "jupyter_continuum.worker.zygote"
MOST_DEATHS = 3
"""A zygote that ended so often is not started again."""
PRIVATE_SOCKET_FROM = (3, 11, 1)
"""Before this release any user of the node could reach a fork server (CVE-2022-42919)."""

Method = Literal["forkserver", "spawn"]


class Zygote:
    """At most one of a process. No method waits, except that ``stop`` does for its end."""

    def __init__(self, folder: Path) -> None:
        """``folder``: private, where its socket lies; its path has room for 18 bytes more."""
        self._folder = folder
        self._environment: dict[str, str] | None = None
        """It was started with this."""
        self._installed: frozenset[str] = frozenset()
        self._pid: int | None = None
        self._socket = ""
        self._deaths = 0
        self._told = ""

    def start(self) -> None:
        """Start it, with what a worker's program must find when it starts; that is ours too then.

        Early: it imports while the agent does, and while the way to the cluster is opened.
        """
        os.environ.update(before_the_start(os.environ))
        self._environment = dict(os.environ)
        self._installed = installed(sys.path)
        multiprocessing.get_context("forkserver").set_forkserver_preload([IMPORTS])
        self._why_not({})  # what stands in the way is told when a worker starts

    def method(self, wanted: Mapping[str, str]) -> Method:
        """How a worker starts now, whose program must find ``wanted`` when it starts."""
        import distributed.utils

        # Else distributed would have it import all that Dask can use, and nothing of ours.
        distributed.utils._forkserver_preload_set = True
        if self._environment is None:
            return "spawn"
        why_not = self._why_not(wanted)
        if why_not and why_not != self._told:
            say(f"workers are spawned, not forked: {why_not}")
        self._told = why_not
        return "spawn" if why_not else "forkserver"

    def stop(self) -> None:
        """End it; workers that still live count as dead then."""
        if self._pid is None:
            return
        # By itself it ends when the last worker has: nobody waits here for one that does not.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(FileNotFoundError, ChildProcessError):
            forkserver._forkserver._stop()  # type: ignore[attr-defined]
        self._pid = None

    def _why_not(self, wanted: Mapping[str, str]) -> str:
        """Why a worker cannot be forked now, as a sentence; "" when it can."""
        environment = self._environment or {}
        if sys.version_info < PRIVATE_SOCKET_FROM:
            return "other users of the node could reach the fork server of this Python (3.11.0)."
        other = sorted(name for name in wanted if environment.get(name) != wanted[name])
        if other:
            return f"Dask's configuration gives them another {', '.join(other)}."
        if installed(sys.path) != self._installed:
            return "packages were installed or removed since this agent began."
        if self._deaths >= MOST_DEATHS:
            return f"the process that they fork from ended {MOST_DEATHS} times."
        try:
            if self._run():
                return ""
        except OSError as error:
            return f"the process that they fork from cannot be started ({error})."
        return "the process that they fork from had ended; another was started for the next."

    def _run(self) -> bool:
        """Start it unless it runs; False when one had run before and had ended."""
        ours = multiprocessing.current_process()._config  # type: ignore[attr-defined]
        before = ours.get("tempdir")
        ours["tempdir"] = str(self._folder)  # where the fork server makes its socket
        try:
            forkserver.ensure_running()
        finally:
            ours["tempdir"] = before
        server: Any = forkserver._forkserver  # with what its annotations leave out
        last, self._pid = self._pid, server._forkserver_pid
        stale, self._socket = self._socket, server._forkserver_address
        if last in (None, self._pid):
            return True
        Path(stale).unlink(missing_ok=True)
        self._deaths += 1
        return False


def before_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    """What distributed's nanny sets before it starts a worker's program in ``environment``."""
    kept = {name: environment[name] for name in BEFORE_THE_START if name in environment}
    return BEFORE_THE_START | kept | HASH_SEED


def installed(path: Iterable[str]) -> frozenset[str]:
    """The distributions with their versions in the folders of ``path`` that packages go into."""
    folders = [Path(each) for each in path if each.endswith(("site-packages", "dist-packages"))]
    return frozenset(
        name
        for folder in folders
        if folder.is_dir()
        for name in os.listdir(folder)
        if name.endswith((".dist-info", ".egg-info"))
    )
