"""What a cluster leaves on disk, so that a restarted broker finds it again.

``<data dir>/clusters/<name>/``: ``cluster.json``, the authority's ``ca.key`` and ``ca.pem``;
all readable by their owner alone, written in one step before the site is told.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
from pathlib import Path
from typing import Any

from jupyter_continuum.cluster.authority import Authority
from jupyter_continuum.errors import BrokerError, PlanRefused
from jupyter_continuum.paths import data_dir, private_dir, write_private
from jupyter_continuum.planning.plan import NAME

CLUSTER_ID = r"[0-9a-f]{6}"


def clusters_dir() -> Path:
    return private_dir(data_dir() / "clusters")


class Store:
    """The folder of one cluster."""

    def __init__(self, name: str) -> None:
        self.folder = clusters_dir() / name

    def create(self, authority: Authority) -> None:
        """Make the folder. PlanRefused when it belongs to a cluster that was not stopped."""
        if (self.folder / "cluster.json").exists():
            raise PlanRefused(
                f"{self.folder} holds a cluster of this name, of another machine or not readable. "
                "Choose another name; if that cluster has ended, remove the folder."
            )
        try:
            private_dir(self.folder)
            write_private(self.folder / "ca.key", authority.key)
            write_private(self.folder / "ca.pem", authority.certificate)
        except OSError as error:
            self.remove()
            raise _full(self.folder, error) from error

    def authority(self) -> Authority:
        return Authority(
            (self.folder / "ca.key").read_bytes(), (self.folder / "ca.pem").read_bytes()
        )

    def save(self, state: dict[str, Any]) -> None:
        """Write what a restarted broker must know. BrokerError when the disk is full."""
        state = {"machine": platform.node(), **state}
        try:
            write_private(self.folder / "cluster.json", json.dumps(state, indent=1).encode())
        except OSError as error:
            raise _full(self.folder, error) from error

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def stored() -> list[dict[str, Any]]:
    """Every cluster of this machine that was not stopped; what is odd about others is printed.

    A home directory may be shared: a cluster whose hub runs on another login node is left alone.
    """
    found = []
    for path in sorted(clusters_dir().glob("*/cluster.json")):
        try:
            state = json.loads(path.read_bytes())
            # The folders that stop removes are named after these two.
            if state["name"] != path.parent.name or not re.fullmatch(NAME, state["name"]):
                raise ValueError(f"its name is {state['name']!r}")
            if not re.fullmatch(CLUSTER_ID, state["id"]):
                raise ValueError(f"its id is {state['id']!r}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"{path} cannot be read ({error}); its cluster is not found again.", flush=True)
            continue
        if state.get("machine", platform.node()) != platform.node():
            print(f"{path} is a cluster of {state['machine']!r}; it is left alone.", flush=True)
            continue
        found.append(state)
    return found


def _full(folder: Path, error: OSError) -> BrokerError:
    return BrokerError(
        f"{folder} on this machine cannot be written ({error.strerror}). "
        "Free some space there; jobs that run go on."
    )
