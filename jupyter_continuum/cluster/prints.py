"""What tasks print appears where their results were asked for, with the worker's name.

The worker tells the scheduler, which knows whose task it is. Bounded: a task that prints in a
loop must not drown a notebook, nor a link between sites. Everything stays in the job's log.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.scheduler import Scheduler, TaskState

TOPIC = "continuum-print"
LINES_PER_SECOND = 50.0
BURST_LINES = 200.0
LONGEST_LINE = 2000
MOST_RELATIVES = 1000
"""Tasks that are looked at to find out who waits for one of them."""

Send = Callable[[str, str], None]
"""Takes a task's key, "" for none, and lines."""


class Allowance:
    """How many lines may still be shown; what is over is counted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = BURST_LINES
        self._at = clock()
        self.dropped = 0

    def take(self) -> bool:
        now = self._clock()
        self._left = min(BURST_LINES, self._left + (now - self._at) * LINES_PER_SECOND)
        self._at = now
        if self._left < 1:
            self.dropped += 1
            return False
        self._left -= 1
        return True

    def settle(self) -> int:
        """How many were dropped since the last time."""
        dropped, self.dropped = self.dropped, 0
        return dropped


class TaskOutput:
    """Standard output of a worker's process: goes on as before, and lines of tasks are told too."""

    def __init__(
        self,
        under: TextIO,
        current_task: Callable[[], str | None],
        send: Send,
        allowance: Allowance | None = None,
    ) -> None:
        self._under = under
        self._current_task = current_task
        self._send = send
        self._allowance = allowance or Allowance()
        self._begun: dict[str, str] = {}
        """Lines without their end so far, by task."""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        written = self._under.write(text)
        key = self._current_task()
        if key is not None and text:
            with self._lock:
                whole = self._begun.pop(key, "") + text
                *lines, rest = whole.split("\n")
                if rest:
                    self._begun[key] = rest[-LONGEST_LINE:]
                self._tell(key, lines)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def ended(self, key: str) -> None:
        """A task is over: what it printed without a line's end is told as well."""
        with self._lock:
            rest = self._begun.pop(key, "")
            if rest:
                self._tell(key, [rest])
        self._under.flush()  # the job's log is read while the worker lives

    def _tell(self, key: str, lines: list[str]) -> None:
        shown = [line[:LONGEST_LINE] for line in lines if self._allowance.take()]
        if shown and (dropped := self._allowance.settle()):
            shown.insert(0, f"({dropped} lines are not shown here; the job's log has them)")
        if shown:
            self._send(key, "\n".join(shown))

    def __getattr__(self, name: str) -> Any:  # whatever else a stream has
        return getattr(self._under, name)


class Prints(SchedulerPlugin):
    """Passes lines on to the clients that wait for the task, or for what needs it."""

    name = "continuum-prints"

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def log_event(self, topic: str, msg: Any) -> None:
        if topic != TOPIC or not isinstance(msg, dict):
            return
        worker = self._scheduler.workers.get(str(msg.get("worker")))
        name, lines = worker.name if worker else "a worker", str(msg.get("lines"))
        text = "\n".join(f"[{name}] {line}" for line in lines.split("\n"))
        event = (time.time(), {"args": (text,), "file": 1})
        key: Any = msg.get("key")  # whatever a worker sent: none of ours, then
        task = self._scheduler.tasks.get(key)
        clients = waiting_clients(task) if task is not None else set()
        for client in clients or set(self._scheduler.client_comms):
            self._scheduler.report({"op": "event", "topic": "print", "event": event}, client=client)


def waiting_clients(task: TaskState) -> set[str]:
    """Who wants ``task``, or a task that needs it."""
    found: set[str] = set()
    waiting, seen = [task], {task}
    while waiting and len(seen) < MOST_RELATIVES:
        each = waiting.pop()
        found.update(client.client_key for client in each.who_wants or ())
        fresh = each.dependents - seen
        seen |= fresh
        waiting += fresh
    return found
