"""The warm process: it has imported what runs and kernels need, and forks a child for each run.

It has one thread, no event loop and no socket of ZeroMQ, so that what is forked is whole. Orders
come as lines of JSON on standard input, answers go to standard output. When its input ends, it ends
all that it has started.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jupyter_continuum.runs.light_jsonschema import import_jsonschema
from jupyter_continuum.runs.sweep.fork import close_all_but, fork, threads

END_SECONDS = 3
"""So long runs that are told to end may take to write that into their notebooks."""
OF_A_KERNEL = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "pdb", "faulthandler"),
    *("IPython.core.debugger", "IPython.core.oinspect", "IPython.core.logger"),
    *("IPython.utils.wildcard", "IPython.core.completerlib", "IPython.extensions.storemagic"),
    *("tornado.platform.asyncio", "sqlite3", "psutil"),
)
"""What a kernel imports on its way to the first cell."""
SEES_A_KERNEL = ("matplotlib.pyplot", "matplotlib_inline.backend_inline")
"""They look for the running kernel once, when they are imported."""


def main() -> None:
    """Serve; in a process that was forked, be what it is for.

    A task that forks returns what the new process has to do. So a kernel begins and ends at the
    bottom of the stack as a program does, and nothing of ours is unwound in it.
    """
    task: Callable[[], Any] | None = serve
    while task is not None:
        task = task()


@dataclass(slots=True)
class Child:
    """A run under way."""

    number: int
    pid: int
    told: bytes = b""
    """The process of its kernel, once it is there."""

    def kill(self) -> None:
        """It and its kernel, with what their notebook started and did not set apart."""
        for pid in (self.pid, int(self.told or 0)):
            if pid:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)


def serve() -> Callable[[], Any] | None:
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder that we were started in, as a kernel does
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as it does
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # workers ignore it; runs are ended with it
    orders, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    os.dup2(null := os.open(os.devnull, os.O_RDONLY), 0)
    os.close(null)
    lines = _Lines(orders)
    first = json.loads(lines.next() or "{}")
    _import(OF_A_KERNEL)
    plain = frozenset(sys.modules)
    import_jsonschema()
    from jupyter_continuum.runs.sweep import child as runs

    for name in first["modules"]:
        if reason := _unfit(name):
            print(f"Each run imports {name} by itself: {reason}.", file=sys.stderr)
            _send(answers, {"unfit": name})
            return None
    runs.prepare()
    gc.collect()
    gc.freeze()  # or the first collection in each child would copy every page
    _send(answers, {"ready": True})
    children: dict[int, Child] = {}
    while True:
        for ready in _ready([orders, *children]):
            if ready != orders:
                _attend(ready, children, answers)
                continue
            if (line := lines.next()) is None:
                _end(children)
                shutil.rmtree(first["sockets"], ignore_errors=True)
                return None
            order = json.loads(line)
            told, telling = os.pipe()
            try:
                pid = fork()
            except OSError as error:  # so many processes, or so much memory, and no more
                os.close(told)
                why = f"No process can be started: {error.strerror}."
                _send(answers, {"number": order["number"], "code": 1, "why": why})
            else:
                if pid == 0:
                    close_all_but(telling)
                    return lambda: runs.run(order, telling, plain)
                children[told] = Child(order["number"], pid)
            os.close(telling)


def _import(names: Iterable[str]) -> None:
    for name in names:
        with suppress(ImportError):  # another version of it; the kernel imports what it has
            importlib.import_module(name)


def _unfit(name: str) -> str:
    """Import it, and say why processes must not be forked with it; "" when they may."""
    before = set(sys.modules)
    try:
        importlib.import_module(name)
    except Exception as error:  # the notebook meets it, too, where it is seen
        return f"{type(error).__name__}: {error}"
    if seen := [each for each in SEES_A_KERNEL if each in sys.modules and each not in before]:
        return f"it imports {seen[0]}"
    # BLAS libraries have threads at once, and end them in time whenever their process forks.
    if (pid := fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "it starts a thread" if threads() > 1 else ""


def _attend(told: int, children: dict[int, Child], answers: int) -> None:
    """What a child tells, or that it has ended."""
    child = children[told]
    if data := os.read(told, 100):
        child.told += data
        return
    os.close(told)
    del children[told]
    _, status = os.waitpid(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        child.kill()
    _send(answers, {"number": child.number, "code": code})


def _end(children: dict[int, Child]) -> None:
    for child in children.values():
        os.kill(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    left = dict(children)
    while left and (seconds := deadline - time.monotonic()) > 0:
        for told in _ready(left, seconds):
            if data := os.read(told, 100):
                left[told].told += data
            else:
                os.waitpid(left.pop(told).pid, 0)
    for child in left.values():
        child.kill()
        os.waitpid(child.pid, 0)


def _ready(descriptors: Iterable[int], seconds: float | None = None) -> list[int]:
    # Not epoll: a child would share its list with us.
    poll = select.poll()
    for each in descriptors:
        poll.register(each, select.POLLIN)
    return [each for each, _ in poll.poll(None if seconds is None else seconds * 1000)]


def _send(descriptor: int, answer: dict[str, Any]) -> None:
    os.write(descriptor, (json.dumps(answer) + "\n").encode())


class _Lines:
    """Lines from a descriptor, of which ``poll`` has to know what is left."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def next(self) -> str | None:
        """None at the end. Byte by byte: what is read too far would wait unseen by ``poll``."""
        line = bytearray()
        while (byte := os.read(self._descriptor, 1)) != b"\n":
            if not byte:
                return None
            line += byte
        return line.decode()


if __name__ == "__main__":
    main()
