"""Where the Kubernetes of the tests comes from: the first that can be had, in this order."""

from __future__ import annotations

import os
import shutil
import subprocess
from enum import StrEnum

from tests.rig.kubernetes import absence
from tests.rig.kubernetes.programs import ARCHIVE, ONE_FOR_ALL, built

GIVEN = os.environ.get("KUBECONFIG", "")
"""Read when the tests begin: afterwards nothing of the person's is met."""
ENGINES = ("docker", "podman")


class Source(StrEnum):
    BESIDE = "programs beside the checkout"
    GIVEN = "the cluster of KUBECONFIG"
    KIND = "kind"
    BUILT = "programs built from Debian's source"


def source() -> Source | None:
    able = not absence.missing_for_a_node()
    if ARCHIVE.exists() and able:
        return Source.BESIDE
    if GIVEN:
        return Source.GIVEN
    if shutil.which("kind") and any(map(_serves, ENGINES)):
        return Source.KIND
    if (built() / ONE_FOR_ALL).exists() and able:
        return Source.BUILT
    return None


def missing() -> list[str]:
    """Why there is none, each reason with what to do; empty when there is one."""
    found = source()
    if found is None:
        there = ARCHIVE.exists() or (built() / ONE_FOR_ALL).exists()
        advice = (
            "Set KUBECONFIG, install kind with a container engine, or build the programs from"
            " Debian's source as root: ./tests/run --full."
        )
        return [*absence.missing_for_a_node(), *([] if there else [advice])]
    if found in (Source.GIVEN, Source.KIND):
        return (
            [] if shutil.which("kubectl") else ["kubectl, which talks to the cluster, is not here."]
        )
    return absence.missing_downloads()


def _serves(engine: str) -> bool:
    return (
        shutil.which(engine) is not None
        and subprocess.run([engine, "info"], capture_output=True, check=False).returncode == 0
    )
