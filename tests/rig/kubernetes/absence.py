"""What this machine lacks for a Kubernetes of its own, and how to get it."""

from __future__ import annotations

import os
from pathlib import Path

from tests.rig.absence import found, may_contain
from tests.rig.kubernetes.programs import programs

PROGRAMS = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mount": "mount",
    "gcc": "gcc",
    "apt-get": "apt",
    "dpkg": "dpkg",
}


def missing() -> list[str]:
    lacks = []
    if programs() is None:
        lacks.append(
            "No Kubernetes: set KUBECONFIG, install kind with a container engine, or build one"
            " from Debian's source with ./tests/run --full."
        )
    if os.getuid() != 0:
        return [
            *lacks,
            "Not root: a Kubernetes node needs namespaces, mounts and cgroups (try sudo).",
        ]
    lacks += [
        f"{program} is not installed: apt-get install {package}."
        for program, package in PROGRAMS.items()
        if not found(program)
    ]
    if os.uname().machine != "x86_64":
        lacks.append("The Kubernetes of the tests is built for x86_64 only.")
    if not lacks and not may_contain():
        lacks.append("unshare is not permitted here: namespaces need CAP_SYS_ADMIN.")
    if not Path("/proc/sys/net/bridge").exists():
        lacks.append("No bridge netfilter in this kernel: modprobe br_netfilter.")
    return lacks
