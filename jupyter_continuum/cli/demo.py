"""``demo``: the imitated sites of a class, one cluster over them, and lessons on it."""

from __future__ import annotations

import os
import shutil
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_continuum.catalogue.document import read
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.cli.playground import playground
from jupyter_continuum.cli.teach import Tell, open_class
from jupyter_continuum.cli.terminal import note, print_json, say
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.planning.classroom import classroom_of
from jupyter_continuum.runs.signals import ended_by_signals

CLASS = "class.yaml"


def demo(options: Namespace) -> int:
    """Run it; 0 when all went well and nothing is left."""
    lessons = chosen_notebooks(options.notebook)
    pages = prepared_folder(options)
    file = Path(options.class_file) if options.class_file else shipped(CLASS)
    classroom = classroom_of(read(file))
    cluster = (classroom.cluster and classroom.cluster.name) or ""
    if options.headless and not cluster:
        raise ContinuumError(f"{file} has no cluster for the notebook to run on. Give it one.")
    tell = note if options.json else say
    with playground() as root, ended_by_signals():
        folder = root / "work"
        folder.mkdir()
        copies = [Path(shutil.copyfile(each, folder / each.name)) for each in lessons]
        if cluster:
            os.environ["JUPYTER_CONTINUUM_CLUSTER"] = cluster
        try:
            started = time.monotonic()
            sites = open_class(classroom, tell)
            tell(f"{len(sites)} sites are ready after {time.monotonic() - started:.0f} seconds.")
            if options.headless:
                notebooks = copies if pages else copies[:1]
                summary = run_headless(notebooks, pages, cluster, tell)
            else:
                serve(copies[0], options.port)
        finally:
            tell("Ending everything ...")
            killed = end_everything()
        if killed:
            raise ContinuumError(f"These processes did not end by themselves: {killed}.")
        tell("Nothing is left running, and nothing was left on disk.")
    if options.headless:
        show_summary(summary, json=options.json)
    return 0


def shipped(name: str) -> Path:
    """A file of the notebooks: beside the installed package, or in the checkout of one."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "notebooks" / name
    return installed if installed.is_file() else package.parent / "notebooks" / name


def chosen_notebooks(told: str | None) -> list[Path]:
    """The notebook that was named; otherwise the lessons, the first one first."""
    if not told:
        return sorted(shipped(CLASS).parent.glob("*.ipynb"))
    if not Path(told).is_file():
        raise ContinuumError(f"There is no notebook {told}. Is the name right?")
    return [Path(told)]


def prepared_folder(options: Namespace) -> Path | None:
    """Where pages go, made before anything is started; None when none are wanted."""
    if not options.html:
        return None
    if not options.headless:
        raise ContinuumError("--html keeps what --headless has run. Say both, or neither.")
    folder = Path(options.html).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_headless(
    notebooks: Sequence[Path], pages: Path | None, cluster: str, tell: Tell
) -> dict[str, Any]:  # the summary, as JSON has it
    from jupyter_continuum.cli.headless import execute, summarise
    from jupyter_continuum.cli.page import write_page

    seconds = {}
    for notebook in notebooks:
        started = time.monotonic()
        try:
            execute(notebook, tell)
        finally:
            if pages is not None:
                tell(f"Kept as {write_page(notebook, pages)}")
        seconds[notebook.name] = round(time.monotonic() - started, 1)
    return summarise(cluster, seconds)


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


def show_summary(summary: dict[str, Any], *, json: bool) -> None:  # as JSON has it
    if json:
        print_json(summary)
        return
    from jupyter_continuum.broker.rows import LINK_HEAD, link_row
    from jupyter_continuum.table import as_text

    columns = ("name", "workers", "tasks", "seconds")
    rows = [[site[column] for column in columns] for site in summary["sites"]]
    say(as_text(("SITE", "WORKERS", "TASKS", "SECONDS"), rows))
    say(as_text(LINK_HEAD, map(link_row, summary["links"])))
    say(", ".join(f"{name} {version}" for name, version in summary["versions"].items()))
