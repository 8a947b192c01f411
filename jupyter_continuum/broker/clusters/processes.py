"""Hub and scheduler of a cluster: processes of their own, which outlive the broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import BrokerError

START_SECONDS = 60
STOP_SECONDS = 15


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, told apart from a later one with the same number."""

    pid: int
    started: str
    """Start time as the kernel counts it."""

    @property
    def alive(self) -> bool:
        return _start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


async def start_hub(folder: Path, born: Callable[[ProcessId], None]) -> None:
    """Start the hub of the cluster in ``folder``; it serves when this returns.

    ``born`` is told of the process at once: a broker that is killed now must find it again.
    """
    child = _spawn("jupyter_continuum.relay.hub", folder, folder / "hub.log")
    try:
        born(child.id)
        await _answer(child, "hub")
    except BaseException:
        child.process.kill()
        raise
    finally:
        child.let_go()


async def start_scheduler(
    folder: Path, sign: Callable[[str], dict[str, str]], born: Callable[[ProcessId], None]
) -> dict[str, Any]:
    """Start the scheduler; what it says when ready.

    ``sign`` gives ``{"certificate", "ca"}`` for the scheduler's request: its key stays with it.
    """
    child = _spawn("jupyter_continuum.cluster", folder, folder / "scheduler.log")
    try:
        born(child.id)
        asked = await _answer(child, "scheduler")
        child.say(sign(asked["csr"]))
        return await _answer(child, "scheduler")
    except BaseException:
        child.process.kill()
        raise
    finally:
        child.let_go()


async def stop(process: ProcessId) -> None:
    """End it: SIGTERM, and SIGKILL for one that does not go."""
    process.signal(signal.SIGTERM)
    for _ in range(int(STOP_SECONDS / 0.05)):
        if not process.alive:
            break
        await asyncio.sleep(0.05)
    process.signal(signal.SIGKILL)
    _reap(process.pid)


def _reap(pid: int) -> None:
    """Let go of a process that has ended, unless it was a child of an earlier broker."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


@dataclass(frozen=True, slots=True)
class _Child:
    """A process being started. No asyncio one: those are killed when the loop's owner ends."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def id(self) -> ProcessId:
        return ProcessId(self.process.pid, _start_time(self.process.pid))

    def say(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    async def line(self) -> bytes:
        assert self.process.stdout is not None
        return await asyncio.to_thread(self.process.stdout.readline)

    def let_go(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _spawn(module: str, folder: Path, log: Path) -> _Child:
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            cwd=folder,
        )
    return _Child(process, log)


async def _answer(child: _Child, what: str) -> dict[str, Any]:
    """The next JSON line it prints. BrokerError with its last words when it ends first."""
    reading = asyncio.ensure_future(child.line())
    done, _ = await asyncio.wait([reading], timeout=START_SECONDS)
    if not done:
        child.process.kill()  # which ends the reading, too
        await reading
        raise BrokerError(
            f"The cluster's {what} did not start within {START_SECONDS} s. Its log is {child.log}."
        )
    try:
        answer: dict[str, Any] = json.loads(reading.result())
    except ValueError as error:
        words = child.log.read_text(errors="replace").strip().splitlines()[-1:]
        raise BrokerError(
            f"The cluster's {what} ended at once ({one_line((words or ['no word'])[0])}). "
            "`jupyter continuum doctor` checks this machine."
        ) from error
    return answer


def _start_time(pid: int) -> str:
    """Field 22 of ``/proc/<pid>/stat``; "" when there is none, or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
