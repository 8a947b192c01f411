"""What this machine lacks for a Kubernetes node of its own, and how to get it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.rig.absence import found, may_contain
from tests.rig.kubernetes.debian import runtime

PROGRAMS = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mount": "mount",
    "gcc": "gcc",
    "ldd": "libc-bin",
}


def missing_for_a_node() -> list[str]:
    """Nothing but root on a usual Linux."""
    if os.getuid() != 0:
        return ["Not root: a Kubernetes node needs namespaces, mounts and cgroups (try sudo)."]
    if os.uname().machine != "x86_64":
        return ["The Kubernetes programs of the tests are for x86_64."]
    lacks = [
        f"{program} is not installed: apt-get install {package}."
        for program, package in PROGRAMS.items()
        if not found(program)
    ]
    if not Path("/proc/sys/net/bridge").exists():
        lacks.append("This kernel has no bridge filter: modprobe br_netfilter.")
    if not lacks and not may_contain():
        lacks.append("unshare is not permitted here: namespaces need CAP_SYS_ADMIN.")
    return lacks


def missing_downloads() -> list[str]:
    """No test downloads anything."""
    if runtime().exists():
        return []
    return ["No containerd and etcd yet: python -m tests.rig kubernetes prepare."]


def absent(sentences: list[str]) -> None:
    """Skip with the reason; where everything must be there, fail with it."""
    text = "There is no Kubernetes for this test. " + " ".join(sentences)
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)
