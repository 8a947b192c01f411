"""Notebooks that jupyter-scheduler runs, on a cluster that is there for each.

The class here becomes ``c.Scheduler.execution_manager_class`` in ``jupyter_server_config.py``.
Nothing else imports this module: jupyter-scheduler is not needed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
from jupyter_scheduler.executors import DefaultExecutionManager

from jupyter_continuum.runs.choosing import read_words
from jupyter_continuum.runs.parameters import value_of
from jupyter_continuum.runs.run import Outcome, check_installed, perform, prepare

ON_VARIABLE = "JUPYTER_CONTINUUM_ON"
"""What ``--on`` takes, several apart by spaces: a parameter of the job or of its runtime
environment, or a variable of the Jupyter server. A plan file is below the server's folder."""


class ContinuumExecutionManager(DefaultExecutionManager):  # type: ignore[misc]  # it is Any
    """Runs a job as ``jupyter continuum run`` does; jupyter-scheduler starts a process for each.

    The run's record lies beside the notebook in the job's folder, and comes along where the job
    was made with "Run job with input folder". A job that is stopped is killed: the broker ends
    what it launched, after the plan's lease.
    """

    def execute(self) -> None:
        """RunError, which becomes the job's status message; what ran is kept all the same."""
        check_installed()
        job, notebook = self.model, Path(self.staging_paths["input"])
        parameters = {name: value_of(text) for name, text in (job.parameters or {}).items()}
        on = parameters.pop(ON_VARIABLE, None)
        on = on or (job.runtime_environment_parameters or {}).get(ON_VARIABLE)
        words = str(on or os.environ.get(ON_VARIABLE, "")).split()
        run = prepare(notebook, parameters, None)
        use = read_words([self._of_server(word) for word in words], os.environ)
        outcome = Outcome()
        output = Path(self.staging_paths.get("ipynb") or _beside(notebook))
        try:
            perform(
                run,
                use,
                output=output,
                force=True,
                outcome=outcome,
                tell=_on_standard_error,
                on_cell=lambda _: None,
            )
        finally:
            if output.exists():
                self._convert(job, output)
            self.add_side_effects_files(str(notebook.parent))

    def _of_server(self, word: str) -> str:
        file = Path(self.root_dir, word)
        return str(file) if file.is_file() else word

    def _convert(self, job: Any, output: Path) -> None:  # their record
        """The other formats; the notebook is as it was recorded."""
        others = [each for each in job.output_formats if each != "ipynb"]
        made: Any = nbformat.read(output, as_version=4)  # type: ignore[no-untyped-call]
        self.create_output_files(job.copy(update={"output_formats": others}), made)


def _beside(notebook: Path) -> Path:
    return notebook.with_name(f"{notebook.stem}-run.ipynb")


def _on_standard_error(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
