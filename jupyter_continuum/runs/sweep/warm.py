"""The warm process, as the sweep sees it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.sweep.order import Ended, Order, died, outcome_path

END_SECONDS = 10
"""Longer than it needs to end its runs."""


class Lost(Exception):
    """The warm process has ended, and with it all that it had started."""


class Warm:
    """Ends with its context, and all its runs with it; also when this process is killed."""

    site = "local"

    def __init__(
        self,
        modules: Sequence[str],
        flags: Sequence[str],
        *,
        sockets: Path,
        log: Path,
        keeps: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        """``flags`` are Python's own; what it and the kernels print goes to ``log``.

        ``env`` is its environment, this process's when left out.
        It keeps the descriptors ``keeps`` open until all its runs have ended; they have none.
        """
        self._keeps, self._env = keeps, env
        self.modules, self._flags = list(modules), flags
        self._sockets, self._log = sockets, log
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def slots(self) -> int:
        return len(os.sched_getaffinity(0))

    def run(self, order: Order) -> None:
        """Start it. Raises Lost."""
        self._send(dict(order))

    def ended(self, seconds: float) -> tuple[int, Ended] | None:
        """The next run that has ended, by its number; None when none does in time."""
        output = self._output()
        if not select.select([output], [], [], seconds)[0]:
            return None
        answer = self._read()
        number = int(answer["number"])
        if answer["code"]:
            return number, died(answer.get("why") or _how(answer["code"]))
        path = outcome_path(self._sockets, number)
        ended: Ended = json.loads(path.read_text())
        path.unlink()
        return number, ended

    def again(self) -> None:
        """A new one, after Lost. RunError when that cannot begin."""
        self.stop()
        self._process = self._start()
        self.wait_until_ready()

    def _start(self) -> subprocess.Popen[bytes]:
        self._sockets.mkdir(mode=0o700, exist_ok=True)  # an earlier one has removed it
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *self._flags, "-m", "jupyter_continuum.runs.sweep.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                pass_fds=self._keeps,
                env=self._env,
                cwd="/",  # nothing of the notebook's folder is imported by mistake
                start_new_session=True,  # Ctrl-C is for us, and we end it
            )
        self._process, self._ready = process, False
        self._send({"modules": self.modules, "sockets": str(self._sockets)})
        return process

    def wait_until_ready(self) -> None:
        """Return when it has imported everything. RunError when it cannot."""
        while True:
            try:
                answer = self._read()
            except Lost as lost:
                raise RunError(
                    f"The process that runs are forked from did not start; {self._log} says why."
                ) from lost
            if "unfit" not in answer:
                break
            # Each run imports it by itself.
            self.modules.remove(answer["unfit"])
            self.stop()
            self._process = self._start()
        self._ready = True

    def _send(self, what: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write((json.dumps(what) + "\n").encode())
        except BrokenPipeError as error:
            raise Lost from error

    def _read(self) -> dict[str, Any]:
        line = self._output().readline()
        if not line.endswith(b"\n"):
            raise Lost
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _output(self) -> Any:  # a raw file, which typeshed has no name for
        assert self._process.stdout is not None
        return self._process.stdout

    def stop(self) -> None:
        """End it and all its runs; nothing when they have ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if not self._ready:
            self._process.kill()  # it hears us when it has imported everything; it has no runs yet
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its children die with it
            self._process.wait()
        self._output().close()


def _how(code: int) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    return f"The run's process {how}; kernels.log may say why."
