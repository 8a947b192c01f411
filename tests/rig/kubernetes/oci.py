"""Container images without a container engine: folders become the layers of an OCI archive."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True)
class Image:
    """What runs in a container, and how."""

    name: str
    """With a tag, and not ``latest``, which kubelet would pull."""
    layers: Sequence[Path]
    """Uncompressed tar files, the lowest first; containerd takes them as they are."""
    environment: Mapping[str, str]
    entrypoint: Sequence[str] = ()
    user: str = ""

    def write(self, path: Path) -> None:
        """An OCI archive, as ``ctr images import`` reads it."""
        layers = [_blob(LAYER, layer) for layer in self.layers]
        digests = [layer["digest"] for layer in layers]
        config = {
            "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64",
            "os": "linux",
            "config": {
                "Env": [f"{name}={value}" for name, value in self.environment.items()],
                "Entrypoint": list(self.entrypoint) or None,
                "User": self.user,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": digests},
        }
        config_bytes = json.dumps(config).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _blob(CONFIG, config_bytes),
            "layers": layers,
        }
        manifest_bytes = json.dumps(manifest).encode()
        named = _blob(MANIFEST, manifest_bytes)
        named["annotations"] = {
            "io.containerd.image.name": self.name,
            "org.opencontainers.image.ref.name": self.name.rpartition(":")[2],
        }
        with tarfile.open(path, "w") as tar:
            _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            index = {"schemaVersion": 2, "manifests": [named]}
            _add(tar, "index.json", json.dumps(index).encode())
            for data in (config_bytes, manifest_bytes):
                _add(tar, f"blobs/sha256/{hashlib.sha256(data).hexdigest()}", data)
            for file, digest in zip(self.layers, digests, strict=True):
                tar.add(file, f"blobs/{str(digest).replace(':', '/')}")


def layer(folder: Path, path: Path) -> None:
    """The content of a folder as a layer that is the same whoever makes it, and when."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(path, "w") as tar:
        for child in sorted(folder.iterdir()):
            tar.add(child, child.name, filter=plain)


def _blob(kind: str, content: Path | bytes) -> dict[str, object]:
    if isinstance(content, bytes):
        digest, size = hashlib.sha256(content).hexdigest(), len(content)
    else:
        with content.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = content.stat().st_size
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": size}


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o644
    tar.addfile(member, io.BytesIO(data))
