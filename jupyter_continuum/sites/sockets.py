"""Room for a Unix socket that only its owner can reach."""

from __future__ import annotations

from pathlib import Path

from jupyter_continuum.paths import private_dir


def make_room(path: Path) -> None:
    """A private folder, and nothing left at ``path`` from before."""
    private_dir(path.parent)
    path.unlink(missing_ok=True)


def shut(path: Path) -> None:
    """For its owner alone, should the folder ever be opened."""
    path.chmod(0o600)
