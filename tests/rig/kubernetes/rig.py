"""Which cluster, and which instance of our own: claimed, started, always taken down."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.rig.daemons import RigError, started
from tests.rig.guard import guarded
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.debian import runtime
from tests.rig.kubernetes.given import GivenCluster, KindCluster
from tests.rig.kubernetes.programs import programs
from tests.rig.kubernetes.source import GIVEN, Source, missing, source
from tests.rig.kubernetes.spec import NodeSpec

INSTANCES = 8
"""Test runs that may go on at the same time on one machine."""


def folder(instance: int) -> Path:
    return Path(tempfile.gettempdir()) / f"jck{os.getuid()}-{instance}"


def cluster(instance: int) -> Cluster:
    spec = NodeSpec(
        instance=instance, root=folder(instance), programs=programs(), runtime=runtime()
    )
    return Cluster(spec)


def claim() -> Cluster:
    """A free instance, after removing what a run that was killed has left behind."""
    with _lock():
        for instance in range(INSTANCES):
            owner = folder(instance) / "owner"
            if owner.exists() and _alive(owner.read_text()):
                continue
            one = cluster(instance)
            one.down()
            one.spec.root.mkdir(mode=0o755)
            owner.write_text(f"{os.getpid()} {started(os.getpid())}")
            return one
    raise RigError(f"All {INSTANCES} Kubernetes of this machine are in use.")


def kept() -> Cluster | None:
    """The one that ``python -m tests.rig kubernetes up`` left running."""
    for instance in range(INSTANCES):
        owner = folder(instance) / "owner"
        if owner.exists() and owner.read_text() == "kept":
            return cluster(instance)
    return None


def keep(one: Cluster) -> None:
    (one.spec.root / "owner").write_text("kept")


@contextlib.contextmanager
def running() -> Iterator[Cluster | GivenCluster]:
    """The cluster that can be had here, up; taken down whatever happens inside."""
    if lacks := missing():
        raise RigError(" ".join(lacks))
    one: Cluster | GivenCluster
    match source():
        case Source.GIVEN:
            one = GivenCluster(GIVEN)
        case Source.KIND:
            one = KindCluster()
        case _:
            one = claim()
    with _guarded(one):
        try:
            one.up()
            yield one
        finally:
            one.down()


def _guarded(one: Cluster | GivenCluster) -> contextlib.AbstractContextManager[None]:
    """One of our own goes with whoever is killed; the others are somebody else's to end."""
    if isinstance(one, Cluster):
        return guarded("kubernetes", one.spec.instance)
    return contextlib.nullcontext()


def take_down(instance: int) -> None:
    """What is left of one whose owner has died; one that somebody owns by now is left alone."""
    with _lock():
        owner = folder(instance) / "owner"
        if owner.exists() and not _alive(owner.read_text()):
            cluster(instance).down()


def _alive(owner: str) -> bool:
    if owner == "kept":
        return True
    pid, _, start = owner.partition(" ")
    return pid.isdecimal() and started(int(pid)) == start


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    path = Path(tempfile.gettempdir()) / f"jck{os.getuid()}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
