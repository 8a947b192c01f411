"""What a cluster leaves on disk, so that a restarted broker finds it again.

``<data dir>/clusters/<name>/``: ``cluster.json``, the authority's ``ca.key`` and ``ca.pem``;
all readable by their owner alone, written in one step before the site is told.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from jupyter_continuum.cluster.authority import Authority
from jupyter_continuum.paths import data_dir, private_dir, write_private


def clusters_dir() -> Path:
    return private_dir(data_dir() / "clusters")


class Store:
    """The folder of one cluster."""

    def __init__(self, name: str) -> None:
        self.folder = clusters_dir() / name

    def create(self, authority: Authority) -> None:
        private_dir(self.folder)
        write_private(self.folder / "ca.key", authority.key)
        write_private(self.folder / "ca.pem", authority.certificate)

    def authority(self) -> Authority:
        return Authority(
            (self.folder / "ca.key").read_bytes(), (self.folder / "ca.pem").read_bytes()
        )

    def save(self, state: dict[str, Any]) -> None:
        write_private(self.folder / "cluster.json", json.dumps(state, indent=1).encode())

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def stored() -> list[dict[str, Any]]:
    """Every cluster that was not stopped. A folder without a readable state holds none."""
    found = []
    for path in sorted(clusters_dir().glob("*/cluster.json")):
        try:
            found.append(json.loads(path.read_bytes()))
        except (OSError, ValueError) as error:
            print(f"{path} cannot be read ({error}); its cluster is not found again.")
    return found
