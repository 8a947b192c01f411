"""``run``: a parameterised notebook from the first cell to the last, without a browser."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.cli.prompts import Prompts
from jupyter_continuum.cli.terminal import note, print_json, say
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.runs.choosing import read_words
from jupyter_continuum.runs.parameters import merge
from jupyter_continuum.runs.run import Outcome, check_installed, perform, prepare

if TYPE_CHECKING:
    from jupyter_continuum.runs.cells import Cell


def run(options: Namespace) -> int:
    check_installed()
    notebook = Path(options.notebook)
    prepared = prepare(notebook, merge(options.parameters, options.parameter), options.kernel)
    tell = note if options.json else say
    outcome = Outcome()
    state, why = "interrupted", ""
    try:
        perform(
            prepared,
            read_words(options.on, os.environ, options.accept),
            output=Path(options.output) if options.output else None,
            force=options.force,
            outcome=outcome,
            tell=tell,
            others=Prompts(),
            on_cell=lambda cell: tell(cell_text(cell)),
        )
        state = "completed"
    except ContinuumError as error:
        state, why = "failed", str(error)
        raise
    finally:
        if options.json:
            print_json(record(notebook, outcome, state, why))
        elif state == "completed":
            tell(f"Done: {outcome.output}")
            if outcome.record is not None:
                tell(f"Record: {outcome.record.with_suffix('.html')}")
        elif state == "interrupted" and outcome.cells:
            tell(f"The partial notebook is {outcome.output}")
    return 0


def cell_text(cell: Cell) -> str:
    """One line a cell: which, how it ended, how long it took, how it begins."""
    told = f"{f'{cell}':<16}  {cell.state:<11}  {cell.seconds:8.1f} s  {cell.source}"
    return f"{told}  {cell.error}" if cell.error else told


def record(notebook: Path, outcome: Outcome, state: str, why: str) -> dict[str, Any]:  # JSON
    """The run, for programs."""
    return {
        "notebook": str(notebook),
        "output": str(outcome.output) if outcome.output else None,
        "record": str(outcome.record) if outcome.record else None,
        "cluster": outcome.cluster or None,
        "state": state,
        "reason": why,
        "seconds": outcome.seconds,
        "cells": [asdict(cell) for cell in outcome.cells],
    }
