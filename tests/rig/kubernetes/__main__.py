"""``python -m tests.rig kubernetes up|down|status``: a cluster by hand, left running."""

from __future__ import annotations

import json
import sys
import time

from tests.rig.kubernetes.absence import missing
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.images import worker_image
from tests.rig.kubernetes.rig import claim, keep, kept


def describe(cluster: Cluster) -> dict[str, object]:
    return {
        "server": cluster.spec.server,
        "namespace": cluster.access.namespace,
        "kubeconfigs": str(cluster.access.folder),
        "image": worker_image().name,
        "daemons": cluster.status(),
    }


def main(words: list[str]) -> int:
    verb = words[0] if len(words) == 1 else ""
    if verb not in ("up", "down", "status"):
        print(__doc__, file=sys.stderr)
        return 2
    cluster = None if missing() else kept()
    began = time.monotonic()
    if verb == "up":
        if cluster is None:
            if lacks := missing():
                print(*lacks, sep="\n", file=sys.stderr)
                return 1
            cluster = claim()
            try:
                cluster.up()
                cluster.load(worker_image())
            except BaseException:
                cluster.down()
                raise
            keep(cluster)
            print(f"up in {time.monotonic() - began:.1f} s", file=sys.stderr)
        print(json.dumps(describe(cluster), indent=1))
    elif verb == "status":
        print(json.dumps(describe(cluster) if cluster else {}, indent=1))
    elif cluster is not None:
        cluster.down()
        print(f"down in {time.monotonic() - began:.1f} s", file=sys.stderr)
    return 0
