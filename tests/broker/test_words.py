"""What sites and schedulers tell, made fit for a person's terminal and for a view."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_continuum.broker.clusters.reports import read_tasks, read_workers
from jupyter_continuum.broker.words import many_lines, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Priority", "Priority"),
        ("a\nb\r\tc", "a b c"),
        ("\x1b]0;title\x07x", "]0;title x"),
        ("\u202egpj.exe", "gpj.exe"),
        ("x" * 1000, "x" * 300),
        (None, "None"),
    ],
)
def test_one_line_holds_no_sign_that_steers(text: object, shown: str) -> None:
    assert one_line(text) == shown


def test_a_log_keeps_its_lines() -> None:
    assert many_lines("a\tb\n\x1b[2Jc\n") == "a\tb\n[2Jc\n"


@pytest.mark.parametrize("told", [None, "x", 5, [None, 3, {}, {"name": ""}], {"name": "a"}])
def test_a_report_without_workers_has_none(told: Any) -> None:
    assert read_workers(told) == {}


def test_devices_are_believed_as_far_as_they_are_possible() -> None:
    odd = {"device": "0\n1", "model": "\x1b[2JH200", "busy_percent": "all", "power_watts": -3}
    told = [{"name": "n", "devices": [None, odd, *({"busy_percent": 7} for _ in range(50))]}]
    devices = read_workers(told)["n"]["devices"]
    assert len(devices) == 16
    assert devices[0] == {
        "device": "0 1",
        "model": "[2JH200",
        "busy_percent": None,
        "memory_bytes": None,
        "memory_total_bytes": None,
        "power_watts": None,
    }
    assert devices[1]["busy_percent"] == 7
    assert read_workers([{"name": "n", "devices": "many"}])["n"]["devices"] == []


def test_an_odd_worker_is_shown_with_what_is_known() -> None:
    told = [{"name": "n-0-0-0", "host": "a\x1b[2J", "nthreads": "many", "memory": 7.9, "done": -1}]
    worker = read_workers(told)["n-0-0-0"]
    assert (worker["host"], worker["nthreads"]) == ("a [2J", None)
    assert (worker["memory"], worker["done"]) == (7, None)
    assert read_tasks({"running": True, "done": 3}) == {"running": 0, "done": 3, "waiting": 0}
