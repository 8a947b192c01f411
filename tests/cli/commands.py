"""Runs the commands as a person does, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from jupyter_continuum.broker.client import call_broker

COMMAND = [sys.executable, "-P", "-m", "jupyter_continuum.cli"]
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str
    err: str


def continuum(*words: str, seconds: float = SECONDS) -> Ran:
    done = subprocess.run(
        [*COMMAND, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert "Traceback" not in done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def told(*words: str, seconds: float = SECONDS) -> Any:
    """What ``--json`` says of a command that went well."""
    ran = continuum(*words, "--json", seconds=seconds)
    assert ran.status == 0, ran.err
    return json.loads(ran.out)


def connect_lab() -> str:
    """An imitated site with a quick queue."""
    settings = "queue_seconds=0,delay_ms=1,nodes=2,cpus_per_node=2,country=NO"
    ran = continuum(
        *("connect", "lab", "--emulated", settings, "--name", "The <lab>"),
        *("--python", sys.executable, "--yes"),
    )
    assert ran.status == 0, ran.err
    assert "lab: ready" in ran.out
    return "lab"


def launch_span() -> str:
    """The cluster ``span`` on that site."""
    connect_lab()
    ran = continuum("launch", "--on", "lab/cpu", "--name", "span")
    assert ran.status == 0, ran.err
    return "span"


def names() -> list[str]:
    """Of the clusters that the broker has."""
    return [view["name"] for view in call_broker("clusters")]
