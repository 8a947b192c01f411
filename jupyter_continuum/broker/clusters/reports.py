"""What a cluster's scheduler tells of its workers, read field by field. Pure."""

from __future__ import annotations

import re
from typing import Any

from jupyter_continuum.broker.words import one_line

NUMBERS = (
    "nthreads",
    "memory",
    "memory_limit",
    "processing",
    "done",
    "last_seen_seconds",
)
WORDS = ("name", "address", "host", "device")
GAUGES = ("busy_percent", "memory_bytes", "memory_total_bytes", "power_watts")
MOST_DEVICES = 16
"""More than a node has: what a worker says beyond is not believed."""
TASKS = ("running", "done", "waiting")

_SITE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

WorkerReport = dict[str, Any]  # words and numbers; a number may be None


def read_workers(told: Any) -> dict[str, WorkerReport]:  # Any: whatever JSON held
    """Workers by name; what is no worker is left out, what is no number is unknown."""
    rows = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    workers = [_worker(row) for row in rows]
    return {worker["name"]: worker for worker in workers if worker["name"]}


def _worker(row: dict[str, Any]) -> WorkerReport:
    words: WorkerReport = {word: one_line(row.get(word) or "", 200) for word in WORDS}
    numbers = {number: _number(row.get(number)) for number in NUMBERS}
    return (
        words
        | numbers
        | {
            "unreachable_from": _sites(row.get("unreachable_from")),
            "devices": _devices(row.get("devices")),
        }
    )


def _devices(told: Any) -> list[dict[str, Any]]:
    rows = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    return [
        {word: one_line(row.get(word) or "", 80) for word in ("device", "model")}
        | {name: _number(row.get(name)) for name in GAUGES}
        for row in rows[:MOST_DEVICES]
    ]


def _sites(told: Any) -> list[str]:
    found = told if isinstance(told, list) else []
    return [each for each in found if isinstance(each, str) and _SITE.fullmatch(each)]


def read_tasks(told: Any) -> dict[str, int]:  # Any: whatever JSON held
    found = told if isinstance(told, dict) else {}
    return {name: _number(found.get(name)) or 0 for name in TASKS}


def read_clients(told: Any) -> set[str]:  # Any: whatever JSON held
    """Names of leaves."""
    found = told if isinstance(told, list) else []
    return {each for each in found if isinstance(each, str)}


def _number(value: Any) -> int | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if fits and 0 <= value < 2**63 else None
