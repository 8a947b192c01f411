"""What is installed at each site: asked at its login node, remembered for some minutes."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.cluster.parity import mismatches
from jupyter_continuum.environments.check import report_of
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.sites.interpreter import Told, job_python
from jupyter_continuum.sites.protocols import Shell

KEPT_SECONDS = 600.0
"""A fit is believed for so long. A misfit is asked about anew before it refuses anything."""
LAUNCH_SECONDS = 5.0
"""A launch waits no longer for an answer; the comparison at the join is still to come."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What a job at a site runs under."""

    site: str
    python: str
    prologue: str

    @classmethod
    def of(cls, session: Session, python: str, prologue: str) -> Interpreter:
        return cls(session.site, job_python(session.profile.kind, python), prologue)

    @property
    def is_ours(self) -> bool:
        """It is the one of this process, so that nobody need be asked."""
        return self.python == sys.executable and not self.prologue.strip()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a site answered. Without a report, ``why`` is a sentence."""

    report: Mapping[str, Any] | None = None
    why: str = ""
    absent: bool = False
    """There is no such interpreter: no job can run."""


class Environments:
    """One question per interpreter at a time, whoever waits for the answer."""

    def __init__(self) -> None:
        self._known: dict[Interpreter, tuple[float, Asked]] = {}
        self._asking: dict[Interpreter, asyncio.Task[Asked]] = {}

    def expect(self, session: Session) -> None:
        """Ask in the background, so that a launch finds the answer; nothing when it is known."""
        interpreter = Interpreter.of(session, session.profile.python, session.profile.prologue)
        if session.ready and not interpreter.is_ours and interpreter not in self._known:
            self._ask(session, interpreter)

    async def answers(
        self, wanted: Iterable[tuple[Session, Interpreter]]
    ) -> dict[Interpreter, Asked]:
        """What each site says, after at most ``LAUNCH_SECONDS``; none waits for another."""
        found: dict[Interpreter, Asked] = {}
        tasks: dict[Interpreter, asyncio.Task[Asked]] = {}
        for session, interpreter in wanted:
            known = self._remembered(interpreter)
            if known is not None:
                found[interpreter] = known
            else:
                tasks[interpreter] = self._ask(session, interpreter)
        if tasks:
            await asyncio.wait(tasks.values(), timeout=LAUNCH_SECONDS)
        for interpreter, task in tasks.items():
            late = f"{interpreter.site} has not answered within {LAUNCH_SECONDS:.0f} s"
            found[interpreter] = task.result() if _answered(task) else Asked(why=late)
        return found

    def forget(self, site: str) -> None:
        """Something was changed there."""
        self._known = {each: known for each, known in self._known.items() if each.site != site}

    async def close(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _remembered(self, interpreter: Interpreter) -> Asked | None:
        if interpreter.is_ours:
            return Asked(environment())
        at, known = self._known.get(interpreter, (float("-inf"), Asked()))
        fits = known.report is not None and not mismatches(environment(), known.report)
        return known if fits and time.monotonic() - at < KEPT_SECONDS else None

    def _ask(self, session: Session, interpreter: Interpreter) -> asyncio.Task[Asked]:
        task = self._asking.get(interpreter)
        if task is None:
            task = self._asking[interpreter] = asyncio.create_task(ask(session, interpreter))
            task.add_done_callback(lambda task: self._keep(interpreter, task))
        return task

    def _keep(self, interpreter: Interpreter, task: asyncio.Task[Asked]) -> None:
        del self._asking[interpreter]
        if _answered(task):
            self._known[interpreter] = (time.monotonic(), task.result())


async def ask(session: Session, interpreter: Interpreter) -> Asked:
    """One command at the site. Never raises for what a site may do."""
    if not hasattr(session.transport, "run"):
        return Asked(why="a pod's image cannot be asked before a pod of it runs")
    shell = cast(Shell, session.transport)
    try:
        told = await session.attempt(
            lambda: report_of(shell, interpreter.python, interpreter.prologue)
        )
    except ContinuumError as error:
        return Asked(why=one_line(error).rstrip("."))
    return understood(told, interpreter)


def understood(told: Told, interpreter: Interpreter) -> Asked:
    """Pure."""
    python = interpreter.python
    if isinstance(told.value, dict):
        return Asked(told.value)
    if told.version:
        return Asked({"python": told.version})
    if told.outcome == "not found":
        return Asked(why=f"{python} is not there ({one_line(told.words)})", absent=True)
    return Asked(why=f"{python} does not run on the login node ({one_line(told.words)})")


def _answered(task: asyncio.Task[Asked]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
