"""papermill loads our engine while it is imported: never broken by it, and hardly slower."""

from __future__ import annotations

import subprocess
import sys

import pytest

FOUND = "papermill.engines.papermill_engines.get_engine('continuum')"


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_papermill_is_imported_whatever_of_ours_is_broken() -> None:
    broken = ("dask", "distributed", "jupyter_continuum.broker", "jupyter_continuum.errors")
    code = (
        f"import sys\nsys.modules |= dict.fromkeys({broken})\n"
        f"import papermill\nprint({FOUND}.__name__)"
    )
    assert python(code) == "ContinuumEngine"


@pytest.mark.parametrize(
    "first",
    [
        "from jupyter_continuum.runs.engine import ContinuumEngine",
        "import jupyter_continuum.runs.execution",
    ],
)
def test_whoever_is_imported_first_the_engine_is_one_class(first: str) -> None:
    code = (
        f"{first}\nimport papermill\nfrom jupyter_continuum.runs.engine import ContinuumEngine\n"
        f"assert {FOUND} is ContinuumEngine\n"
        "print(issubclass(ContinuumEngine, papermill.engines.NBClientEngine))"
    )
    assert python(code) == "True"


def test_with_papermill_three_modules_of_ours_are_imported_and_none_of_others() -> None:
    hidden = "import entrypoints\nentrypoints.get_group_all = lambda name: []\n"
    listed = "import papermill, sys\nprint(*sys.modules)"
    more = {*python(f"import entrypoints\n{listed}").split()} - {*python(hidden + listed).split()}
    assert more == {
        "jupyter_continuum",
        "jupyter_continuum.runs",
        "jupyter_continuum.runs.engine",
    }
