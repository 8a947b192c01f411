"""Processes of the rig, each known by its pid and start time, so that none is ever mistaken."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class RigError(Exception):
    """A real part did not start; the message names it and its log."""


def started(pid: int) -> str | None:
    """Start time of a live process in clock ticks, None when it is dead or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def descendants(pid: int) -> list[int]:
    """``pid`` and everything below it, parents first."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(word) for word in (task / "children").read_text().split()]
    return found


def wait_until(true: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Return once ``true()``; RigError after ``seconds``."""
    began = asked = time.monotonic()
    while not true():
        now = time.monotonic()
        if now > began + seconds:
            raise RigError(f"{what} after {seconds:.0f} s")
        # What takes long to find out is asked less often, or asking slows what is waited for.
        time.sleep(min(max(0.02, 2 * (now - asked)), 1))
        asked = time.monotonic()


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    own = ("JUPYTER_", "TMPDIR")
    return {name: value for name, value in environment.items() if not name.startswith(own)}


@dataclass(frozen=True, slots=True)
class Daemons:
    """The processes of one site; their pid files lie in ``run``, what they print in ``log``."""

    run: Path
    log: Path
    environment: Mapping[str, str]

    def pid(self, name: str) -> int | None:
        try:
            pid, start = (self.run / f"{name}.daemon").read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if started(int(pid)) == start else None

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.run.glob("*.daemon"))

    def spawn(
        self, name: str, argv: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start ``argv`` in a session of its own; returns at once when it already runs."""
        if self.pid(name):
            return
        words = [str(word) for word in argv]
        out = str(self.log / f"{name}.out")
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        pid = os.posix_spawnp(
            words[0],
            words,
            # What a test set up for itself is no business of a daemon that outlives it.
            {**_plain(os.environ), **self.environment, **(environment or {})},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, out, append, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        (self.run / f"{name}.daemon").write_text(f"{pid} {started(pid)}")

    def end(self, name: str, *, force: bool = False, patience: float = 5) -> None:
        """TERM, then KILL after ``patience`` seconds; KILL at once with ``force``."""
        pid = self.pid(name)
        if pid:
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGKILL if force else signal.SIGTERM)
            deadline = time.monotonic() + patience
            while started(pid) and time.monotonic() < deadline:
                time.sleep(0.01)
            if started(pid):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        (self.run / f"{name}.daemon").unlink(missing_ok=True)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send to the daemon and everything below it."""
        pid = self.pid(name)
        if pid is None:
            raise RigError(f"{name} does not run; see {self.log}")
        for one in descendants(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, number)
