"""A package index that is a folder, made of what is installed here."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from jupyter_continuum.environments.lock import worker_lock
from jupyter_continuum.environments.target import Target
from jupyter_continuum.environments.wheels import repack


@pytest.fixture(scope="session")
def mirror() -> Iterator[Path]:
    """Wheels of the worker's packages and of a small one, which everybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="jc-mirror-"))
    folder.chmod(0o755)
    here = Target.here()
    for name in (*(pin.name for pin in worker_lock(here).pins), "iniconfig"):
        assert repack(name, here, folder), f"{name} {distribution(name).version}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
