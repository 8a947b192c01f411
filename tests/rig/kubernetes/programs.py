"""Where Kubernetes' own programs come from, and what to say where there are none."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path

from tests.rig.kubernetes.debian import alone, cache

REPOSITORY = Path(__file__).resolve().parent.parent.parent.parent
ARCHIVE = REPOSITORY.parent / "shared" / "rig" / "kubernetes" / "k8s-bin.tar.xz"
"""The programs as one file, where a folder of binaries lies beside the checkout."""
ONE_FOR_ALL = "labkube"
NAMES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "minidns",
    "fakegpu",
)
"""All are links to one program, which looks at the name it is called by."""


def built() -> Path:
    """Where `./tests/run --full` puts what it builds."""
    return cache() / "built"


def programs() -> Path:
    """Folder with ``NAMES``: from beside the checkout, else from an earlier build."""
    return unpacked(ARCHIVE) if ARCHIVE.exists() else built()


def unpacked(archive: Path) -> Path:
    """The archive's content, kept in the cache under its digest."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:12]
    folder = cache() / f"programs-{digest}"
    with alone("programs"):
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            with tarfile.open(archive) as tar:
                tar.extractall(partial, filter="data")
            partial.rename(folder)
    return folder
