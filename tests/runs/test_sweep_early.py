from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from jupyter_continuum.runs.sweep.early import early_modules
from jupyter_continuum.runs.sweep.launcher import flags_of
from tests.runs.notebooks import write


def early(folder: Path, *cells: str) -> list[str]:
    notebook = nbformat.read(write(folder / "a.ipynb", *cells), as_version=4)
    return early_modules(notebook, folder)


def test_known_packages_that_the_notebook_imports_are_imported_before(tmp_path: Path) -> None:
    cell = (
        "%matplotlib inline\nimport numpy as np, scipy.signal\nfrom pandas import DataFrame\n"
        "import matplotlib.pyplot as plt\nimport tqdm, colorsys\nfrom . import x\n"
        "def later():\n    import xarray\n"
    )
    assert early(tmp_path, cell, "not python at all (") == [
        *("numpy", "numpy.random", "scipy.signal", "pandas"),
        *("matplotlib.figure", "matplotlib.backends.backend_agg"),
    ]


def test_what_is_not_installed_or_lies_beside_the_notebook_is_not(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").touch()
    (tmp_path / "scipy").mkdir()
    assert early(tmp_path, "import numpy, scipy, sklearn, zarr") == ["zarr"]


@pytest.mark.parametrize(
    "cell",
    [
        "import os\nos.environ['OMP_NUM_THREADS'] = '1'",
        "from os import environ\nenviron.update(A='1')",
        "import os\nif True:\n    del os.environ['A']",
        "import os\nos.environ['PATH'] += ':/x'",
        "import os\nos.environ.setdefault('A', '1')",
        "import os\nos.putenv('A', '1')",
        "%env OMP_NUM_THREADS=1",
        "from dotenv import load_dotenv\nload_dotenv()",
    ],
)
def test_a_notebook_that_sets_the_environment_imports_all_by_itself(
    tmp_path: Path, cell: str
) -> None:
    assert early(tmp_path, cell, "import numpy") == []


def test_one_that_only_reads_it_does_not(tmp_path: Path) -> None:
    cell = "import os, zarr\na = os.environ['HOME']\nb = os.environ.get('A')\nprint(os.environ)"
    assert early(tmp_path, cell) == ["zarr"]


def test_only_ipykernel_of_this_python_is_forked() -> None:
    rest = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert flags_of(["python", *rest]) == []
    assert flags_of(["python3", "-Xfrozen_modules=off", *rest]) == ["-Xfrozen_modules=off"]
    assert flags_of(["/elsewhere/python", *rest]) is None
    assert flags_of(["R", "--slave", "-e", "IRkernel::main()"]) is None
    assert flags_of(["python", "ipykernel_launcher"]) is None
