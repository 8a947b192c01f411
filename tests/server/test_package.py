"""What Jupyter, a kernel and the build ask of the package itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jupyter_continuum

ROOT = Path(__file__).resolve().parents[2]


def modules_after(statement: str) -> set[str]:
    """Names of all modules that a fresh interpreter holds after ``statement``."""
    code = f"{statement}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return set(json.loads(result.stdout))


def test_importing_the_package_pulls_in_nothing_heavy() -> None:
    heavy = {"dask", "distributed", "IPython", "jupyter_core", "jupyter_server", "pydantic"}
    assert not heavy & modules_after("import jupyter_continuum")


def test_loading_the_server_extension_pulls_in_neither_dask_nor_ssh_nor_pydantic() -> None:
    heavy = {"dask", "distributed", "IPython", "asyncssh", "pydantic"}
    loaded = modules_after(
        "import jupyter_continuum; jupyter_continuum._jupyter_server_extension_points()"
    )
    assert not heavy & loaded


def test_exported_members_exist() -> None:
    for name in jupyter_continuum.__all__:
        assert getattr(jupyter_continuum, name) is not None


def test_frontend_and_package_have_one_version() -> None:
    package = json.loads((ROOT / "labextension" / "package.json").read_text())
    assert package["version"] == jupyter_continuum.__version__


def test_the_lockfile_holds_no_registry_address() -> None:
    lock = (ROOT / "labextension" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
