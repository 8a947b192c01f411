"""``python -m tests.rig kubernetes up|down|status``: a cluster by hand, left running.

``prepare`` downloads what no test may, ``prepare --full`` builds what cannot be had otherwise,
``versions`` tells what the tests would meet.
"""

from __future__ import annotations

import json
import sys
import time

from tests.rig.daemons import RigError
from tests.rig.kubernetes import dask_operator, debian
from tests.rig.kubernetes.absence import missing_for_a_node
from tests.rig.kubernetes.build import build
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.given import as_given
from tests.rig.kubernetes.images import worker_image
from tests.rig.kubernetes.programs import programs
from tests.rig.kubernetes.rig import claim, keep, kept
from tests.rig.kubernetes.source import GIVEN, Source, missing, source
from tests.rig.network import command

OURS = (Source.BESIDE, Source.BUILT)


def describe(cluster: Cluster) -> str:
    content = {
        "server": cluster.spec.server,
        "namespace": cluster.access.namespace,
        "kubeconfigs": str(cluster.access.folder),
        "image": worker_image().name,
        "daemons": cluster.status(),
    }
    return json.dumps(content, indent=1)


def up() -> None:
    cluster = kept()
    if cluster is None:
        if source() not in OURS or missing():
            raise RigError(" ".join(missing() or [f"The tests use {source()}: it is up."]))
        began = time.monotonic()
        cluster = claim()
        try:
            cluster.up()
            cluster.load(worker_image())
        except BaseException:
            cluster.down()
            raise
        keep(cluster)
        print(f"up in {time.monotonic() - began:.1f} s", file=sys.stderr)
    print(describe(cluster))


def down() -> None:
    cluster = kept()
    if cluster is not None:
        began = time.monotonic()
        cluster.down()
        print(f"down in {time.monotonic() - began:.1f} s", file=sys.stderr)


def status() -> None:
    cluster = kept()
    print(describe(cluster) if cluster else "{}")


def prepare() -> None:
    if source() in OURS:
        programs()
        debian.prepare_runtime()
        dask_operator.prepare()


def prepare_fully() -> None:
    if source() is None and not missing_for_a_node():
        build()
    prepare()


def versions() -> None:
    """As ``tests/run`` prints them."""
    found = source()
    told = ""
    if found in OURS and not missing():
        told = command(programs() / "kubelet", "--version").split()[-1]
        for name in ("containerd", "etcd-server", "runc"):
            print(f"{name:<12} {debian.version(name)}")
    elif found is Source.GIVEN:
        told = json.loads(as_given(GIVEN, "version", "--output=json"))["serverVersion"][
            "gitVersion"
        ]
    elif found is Source.KIND:
        told = command("kind", "version").strip()
    if told:
        print(f"{'kubernetes':<12} {told} ({found})")


VERBS = {
    ("up",): up,
    ("down",): down,
    ("status",): status,
    ("prepare",): prepare,
    ("prepare", "--full"): prepare_fully,
    ("versions",): versions,
}


def main(words: list[str]) -> int:
    verb = VERBS.get(tuple(words))
    if verb is None:
        print(__doc__, file=sys.stderr)
        return 2
    verb()
    return 0
