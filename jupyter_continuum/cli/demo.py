"""``demo``: three imitated sites on this machine, one cluster over them, a notebook on it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.cli.launch import Progress
from jupyter_continuum.cli.playground import leftovers, playground, wait_for_nothing
from jupyter_continuum.cli.terminal import note, print_json, say
from jupyter_continuum.errors import BrokerError, ContinuumError

CLUSTER = "demo"
NOTEBOOK = "01-one-cluster-many-sites.ipynb"
SITES: dict[str, dict[str, Any]] = {  # fields of an EmulatedSite, and a name
    "fjord": {
        "name": "Fjord, an imitation in Norway",
        "emulated": {"country": "NO", "queue_seconds": 1, "delay_ms": 18, "rate_mbit": 400},
    },
    "glacier": {
        "name": "Glacier, an imitation in Switzerland",
        "emulated": {"country": "CH", "queue_seconds": 3, "delay_ms": 8, "rate_mbit": 1000},
    },
    "iberia": {
        "name": "Iberia, an imitation in Spain",
        "emulated": {"country": "ES", "queue_seconds": 5, "delay_ms": 22, "rate_mbit": 200},
    },
}

WORKERS = {"fjord": 2, "glacier": 1, "iberia": 1}


def demo(options: Namespace) -> int:
    """Run it; 0 when all went well and nothing is left."""
    notebook = Path(options.notebook) if options.notebook else shipped_notebook()
    if not notebook.is_file():
        raise ContinuumError(f"There is no notebook {notebook}. Is the name right?")
    tell = note if options.json else say
    with playground() as root, _ended_by_signals():
        copy = root / "work" / notebook.name
        copy.parent.mkdir()
        shutil.copyfile(notebook, copy)
        os.environ["JUPYTER_CONTINUUM_CLUSTER"] = CLUSTER
        try:
            started = time.monotonic()
            start_federation(tell)
            tell(f"{len(SITES)} sites are ready after {time.monotonic() - started:.0f} seconds.")
            if options.headless:
                summary = run_headless(copy, tell)
            else:
                serve(copy, options.port)
        finally:
            tell("Ending everything ...")
            killed = end_everything()
        if killed:
            raise ContinuumError(f"These processes did not end by themselves: {killed}.")
        tell("Nothing is left running, and nothing was left on disk.")
    if options.headless:
        show_summary(summary, json=options.json)
    return 0


def shipped_notebook() -> Path:
    """The first notebook: beside the installed package, or in the checkout it is developed in."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "notebooks" / NOTEBOOK
    return installed if installed.is_file() else package.parent / "notebooks" / NOTEBOOK


def start_federation(tell: Any) -> None:  # print, or print on standard error
    for site, fields in SITES.items():
        profile = {"site": site, "kind": "emulated", "python": sys.executable, **fields}
        call_broker("connect", profile=profile)
    plan = {
        "name": CLUSTER,
        "groups": [
            {"offer": f"{site}/cpu", "name": site, "workers_per_node": number}
            for site, number in WORKERS.items()
        ],
    }
    progress = Progress(tell)
    with open_broker() as broker:
        broker.call("subscribe")
        progress.watch(broker.call("launch", on_event=progress, plan=plan))
        for event in broker.events():
            progress(event)
            if progress.settled:
                break
    failed = [group for group in progress.groups if group["state"] != "ready"]
    if failed:
        raise ContinuumError(f"{failed[0]['name']} is {failed[0]['state']}: {failed[0]['reason']}")


def run_headless(notebook: Path, tell: Any) -> dict[str, Any]:  # the summary, as JSON has it
    from jupyter_continuum.cli.headless import execute, summarise

    execute(notebook, tell)
    return summarise(CLUSTER, notebook)


def serve(notebook: Path, port: int) -> None:
    """JupyterLab until Ctrl-C."""
    from jupyter_continuum.cli.lab import jupyterlab

    with jupyterlab(notebook.parent, port=port) as lab:
        say(f"\nOpen this address in a browser:\n\n    {lab.address(notebook.name)}\n")
        say("Ctrl-C here ends JupyterLab, the cluster and the sites.")
        try:
            lab.wait()
        except KeyboardInterrupt:
            say("")


def end_everything() -> list[int]:
    """Stop the cluster and the broker, wait for every process; those that had to be killed."""
    with _no_signals():
        try:
            for cluster in call_broker("clusters", start=False):
                call_broker("stop", start=False, name=cluster["name"])
            call_broker("shutdown", start=False)
        except BrokerError:
            note("The broker was gone already.")
        except ContinuumError as error:
            note(str(error))
        return wait_for_nothing() if leftovers() else []


def show_summary(summary: dict[str, Any], *, json: bool) -> None:  # as JSON has it
    if json:
        print_json(summary)
        return
    from jupyter_continuum.table import as_text

    columns = ("name", "workers", "tasks", "seconds")
    rows = [[site[column] for column in columns] for site in summary["sites"]]
    say(as_text(("SITE", "WORKERS", "TASKS", "SECONDS"), rows))
    links = [(link["source"], link["target"], link["bytes"]) for link in summary["links"]]
    say(as_text(("FROM", "TO", "BYTES"), links))
    say(", ".join(f"{name} {version}" for name, version in summary["versions"].items()))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does, so that nothing is left."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = (signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


@contextmanager
def _no_signals() -> Iterator[None]:
    """A second Ctrl-C must not interrupt the clearing up."""
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, signal.SIG_IGN) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
