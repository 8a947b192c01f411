"""Hub and scheduler of a cluster: processes of their own, which outlive the broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


async def start_hub(folder: Path) -> ProcessId:
    """Start the hub of the cluster in ``folder``; it serves when this returns."""
    process = await _spawn("jupyter_continuum.relay.hub", folder, folder / "hub.log")
    assert process.stdout is not None
    await _answer(process, "hub", folder / "hub.log")
    return _id(process)


async def start_scheduler(
    folder: Path, sign: Callable[[str], dict[str, str]]
) -> tuple[ProcessId, dict[str, Any]]:
    """Start the scheduler; its process and what it says when ready.

    ``sign`` gives ``{"certificate", "ca"}`` for the scheduler's request: its key stays with it.
    """
    log = folder / "scheduler.log"
    process = await _spawn("jupyter_continuum.cluster", folder, log)
    assert process.stdin is not None
    try:
        asked = await _answer(process, "scheduler", log)
        process.stdin.write(json.dumps(sign(asked["csr"])).encode() + b"\n")
        await process.stdin.drain()
        return _id(process), await _answer(process, "scheduler", log)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise


async def stop(process: ProcessId) -> None:
    """End it: SIGTERM, and SIGKILL for one that does not go."""
    process.signal(signal.SIGTERM)
    for _ in range(int(STOP_SECONDS / 0.1)):
        if not process.alive:
            return
        await asyncio.sleep(0.1)
    process.signal(signal.SIGKILL)


async def _spawn(module: str, folder: Path, log: Path) -> asyncio.subprocess.Process:
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as errors:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            module,
            str(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            cwd=folder,
        )


async def _answer(process: asyncio.subprocess.Process, what: str, log: Path) -> dict[str, Any]:
    """The next JSON line it prints. BrokerError with its last words when it ends first."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError as error:
        process.kill()
        raise BrokerError(
            f"The cluster's {what} did not start within {START_SECONDS} s. Its log is {log}."
        ) from error
    try:
        answer: dict[str, Any] = json.loads(line)
    except ValueError as error:
        words = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise BrokerError(
            f"The cluster's {what} ended at once ({(words or ['no word'])[0][:300]}). "
            f"Its log is {log}; `jupyter continuum doctor` checks this machine."
        ) from error
    return answer


def _id(process: asyncio.subprocess.Process) -> ProcessId:
    return ProcessId(process.pid, _start_time(process.pid))


def _start_time(pid: int) -> str:
    """Field 22 of ``/proc/<pid>/stat``; "" when there is none, or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
