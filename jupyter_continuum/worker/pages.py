"""What a worker shows of itself; fetched through the relay, never over a port of its own.

Made here of plain text, so that a worker environment needs no Bokeh. Keys, log and call stacks
are whatever a task made them: all of it is escaped, and who passes a page on puts it in a sandbox.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

from dask.utils import format_bytes
from distributed.http.utils import RequestHandler

SHOWN = 50
"""Rows of a table, and lines of the log."""
LONGEST = 200

Row = tuple[object, ...]


class Overview(RequestHandler):
    """One page: who this worker is, what it does and holds, the last lines of its log."""

    def get(self) -> None:
        worker = self.server
        tasks = worker.state.tasks.values()
        stacks: dict[object, tuple[str, ...]] = worker.get_call_stack()
        held = [task for task in tasks if task.key in worker.data]
        held.sort(key=lambda task: -(task.nbytes or 0))
        about = {
            "Address": worker.address,
            "Scheduler": worker.scheduler.address,
            "Status": worker.status.name,
            "Threads": worker.state.nthreads,
            "Memory": format_bytes(worker.monitor.get_process_memory()),
            "Memory limit": format_bytes(limit) if (limit := _limit(worker)) else "none",
            "Running": worker.state.executing_count,
            "Results held": len(worker.data),
        }
        log = "\n".join(line for _, line in reversed(worker.get_logs(n=SHOWN)))
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(
            f"<!doctype html><title>{_text(worker.name)}</title><style>{STYLE}</style>"
            f"<h1>{_text(worker.name)}</h1>"
            + _table((), about.items())
            + "<h2>Tasks</h2>"
            + _table(("State", "Number"), sorted(Counter(task.state for task in tasks).items()))
            + "<h2>Results held, the largest first</h2>"
            + _table(("Key", "Size"), ((each.key, format_bytes(each.nbytes or 0)) for each in held))
            + "<h2>Call stacks</h2>"
            + "".join(_stack(key, frames) for key, frames in list(stacks.items())[:SHOWN])
            + f"<h2>Log</h2><pre>{escape(log)}</pre>"
        )


STYLE = (
    "body{font-family:sans-serif;margin:1.5em;max-width:70em}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.15em 1em .15em 0}"
    "pre{background:#f4f4f4;padding:.7em;overflow:auto}"
)


def _table(head: Row, rows: Iterable[Row]) -> str:
    """The first rows; the first column names the row."""
    kept = list(rows)
    lines = ["".join(f"<th>{_text(each)}</th>" for each in head)] if head else []
    lines += [
        f"<th>{_text(first)}</th>" + "".join(f"<td>{_text(each)}</td>" for each in rest)
        for first, *rest in kept[:SHOWN]
    ]
    more = f"<p>and {len(kept) - SHOWN} more</p>" if len(kept) > SHOWN else ""
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>{body}</table>{more}" if kept else "<p>none</p>"


def _stack(key: object, frames: Iterable[str]) -> str:
    return f"<h3>{_text(key)}</h3><pre>{escape(''.join(frames))}</pre>"


def _text(value: object) -> str:
    text = str(value)
    return escape(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def _limit(worker: object) -> int:
    manager = getattr(worker, "memory_manager", None)
    return int(getattr(manager, "memory_limit", None) or 0)


routes: list[tuple[str, type, dict[str, object]]] = [(r"", Overview, {}), (r"main", Overview, {})]
