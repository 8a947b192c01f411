"""A state of its own for the demo: nothing of the person's is read, and nothing is left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_continuum.cli.clearing import FOLDERS, enter
from jupyter_continuum.cli.guard import guarded


@contextmanager
def playground() -> Iterator[Path]:
    """A folder that this process and all it starts take for the home of Jupyter's state."""
    root = Path(tempfile.mkdtemp(prefix="jcd-"))
    before, tempdir = dict(os.environ), tempfile.tempdir
    with guarded(root):
        for name in FOLDERS.values():
            (root / name).mkdir(mode=0o700)
        enter(root)
        try:
            yield root
        finally:
            os.environ.clear()
            os.environ.update(before)
            tempfile.tempdir = tempdir
            shutil.rmtree(root, ignore_errors=True)
