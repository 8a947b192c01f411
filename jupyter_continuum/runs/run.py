"""One run: a notebook that was checked, its parameters, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.choosing import Use
from jupyter_continuum.runs.lending import Others, Tell, cluster_for
from jupyter_continuum.runs.notebook import kernel_of, read_notebook
from jupyter_continuum.runs.output import reserved
from jupyter_continuum.runs.parameters import check_parameters
from jupyter_continuum.runs.run_record import Recording, State

if TYPE_CHECKING:
    from jupyter_continuum.runs.cells import Cell


@dataclass(frozen=True, slots=True)
class Run:
    """A notebook that can be run with these parameters, as far as can be known before."""

    notebook: Path
    parameters: Mapping[str, Any]
    kernel: str
    language: str


@dataclass(slots=True)
class Outcome:
    """How far a run has come; whole when ``perform`` has returned, or raised."""

    output: Path | None = None
    cluster: str = ""
    record: Path | None = None
    """The run record, as JSON; ``.html`` beside it is a page."""
    seconds: float = 0.0
    cells: list[Cell] = field(default_factory=list)


def prepare(notebook: Path, parameters: Mapping[str, Any], kernel: str | None) -> Run:
    """Look at all that is on this machine. RunError, and nothing was launched."""
    found = read_notebook(notebook)
    name, language = kernel_of(found, notebook, kernel)
    check_parameters(parameters, found, notebook, language)
    return Run(notebook, parameters, name, language)


def perform(
    run: Run,
    use: Use,
    *,
    output: Path | None,
    force: bool,
    outcome: Outcome,
    tell: Tell,
    others: Others | None = None,
    on_cell: Callable[[Cell], None],
) -> None:
    """Run it on a cluster, and fill in ``outcome``. RunError says where it stopped, and why."""
    started = time.monotonic()

    def keep(cell: Cell) -> None:
        outcome.cells.append(cell)
        on_cell(cell)

    recording = Recording(run.notebook, run.kernel, run.parameters)
    with reserved(run.notebook, output, force=force, now=datetime.now()) as path:
        state: State = "interrupted"
        try:
            with cluster_for(use, tell=tell, others=others) as cluster:
                outcome.cluster, outcome.output = cluster, path
                recording.begin(cluster, shared=isinstance(use, str))
                _execute(run, path, cluster, keep)
            state = "completed"
        except RuntimeError as error:
            state = "failed"
            raise RunError(_why(run, outcome, error)) from error
        finally:
            outcome.seconds = round(time.monotonic() - started, 3)
            outcome.record = recording.end(path, state, len(outcome.cells), tell)


def check_installed() -> None:
    """RunError where papermill is missing."""
    from importlib.util import find_spec

    if find_spec("papermill") is None:
        raise RunError("Runs need papermill: `pip install 'jupyter-continuum[runs]'`.")


def _execute(run: Run, output: Path, cluster: str, on_cell: Callable[[Cell], None]) -> None:
    """RuntimeError when a cell fails, or the kernel does."""
    import logging

    from papermill import PapermillException, execute_notebook

    # What it would warn of was checked, and said in a sentence.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    try:
        execute_notebook(
            _literal(run.notebook.resolve()),
            _literal(output.resolve()),
            parameters=dict(run.parameters),
            engine_name="continuum",
            kernel_name=run.kernel,
            language=run.language,
            progress_bar=False,
            cwd=run.notebook.resolve().parent,  # as in JupyterLab
            cluster=cluster,
            tell=lambda _: None,  # its worker is there
            on_cell=on_cell,
        )
    except PapermillException as error:
        raise RuntimeError(str(error)) from error


def _literal(path: Path) -> str:
    """papermill fills parameters into names that hold braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _why(run: Run, outcome: Outcome, error: RuntimeError) -> str:
    last = outcome.cells[-1] if outcome.cells else None
    if last is not None and last.error:
        stopped = f"{last} failed: {last.error}"
    else:
        stopped = " ".join(str(error).split())[:300].rstrip(".")
    return f"{run.notebook.name}: {stopped}.{_kept(outcome)}"


def _kept(outcome: Outcome) -> str:
    """Where the cells lie that did run; "" when none was begun."""
    return f" The partial notebook is {outcome.output}." if outcome.cells else ""
