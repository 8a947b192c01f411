"""Clusters that others run: by KUBECONFIG, in a namespace made for the tests; and by kind."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.rig.daemons import RigError
from tests.rig.kubernetes.absence import absent
from tests.rig.kubernetes.access import Access
from tests.rig.kubernetes.kubectl import Kubectl
from tests.rig.kubernetes.oci import Image
from tests.rig.network import command

IMAGE = "JC_TEST_KUBERNETES_IMAGE"


def as_given(kubeconfig: str, *words: str) -> str:
    """What kubectl prints with the person's KUBECONFIG, which may name several files."""
    environment = {**os.environ, "KUBECONFIG": kubeconfig}
    argv = ["kubectl", *words]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RigError(f"KUBECONFIG {kubeconfig}: {done.stderr.strip()}")
    return done.stdout


class GivenCluster:
    """Has what ``Cluster`` has; a test that would break it is skipped."""

    def __init__(self, kubeconfig: str, namespace: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jck-"))
        self.given = kubeconfig
        self.kubectl = Kubectl(Path(shutil.which("kubectl") or "kubectl"), self.folder / "admin")
        namespace = namespace or f"jc-tests-{secrets.token_hex(3)}"
        self.access = Access(self.kubectl, namespace, self.folder)

    def up(self) -> None:
        whole = as_given(self.given, "config", "view", "--raw", "--minify", "--flatten")
        self.kubectl.kubeconfig.touch(mode=0o600)
        self.kubectl.kubeconfig.write_text(whole)
        self.access.revoke_old()
        self.access.grant()

    def down(self) -> None:
        if self.kubectl.kubeconfig.exists():
            self.access.revoke()
        shutil.rmtree(self.folder)

    def load(self, image: Image) -> str:
        """The image that the person has put where the cluster finds it."""
        if IMAGE not in os.environ:
            absent([f"Set {IMAGE} to an image with this checkout's worker environment in it."])
        return os.environ[IMAGE]

    def expired(self) -> Path:
        """A kubeconfig whose token was right until its account was removed."""
        here = ("serviceaccount", "expired", f"--namespace={self.access.namespace}")
        self.kubectl.run("create", *here)
        path = self.access.write("expired", self.access.token("expired"))
        self.kubectl.run("delete", *here)
        return path

    def _not_ours(self, *_: object) -> None:
        absent(["The cluster is not the tests' own, so nothing of it is stopped or changed."])

    freeze_api = thaw_api = kill_api = start_api = wait_for_api = offer_gpus = _not_ours


class KindCluster(GivenCluster):
    """A cluster of the tests' own in containers; its node has the worker image."""

    def __init__(self) -> None:
        super().__init__("", "continuum")
        self.name = f"jc-tests-{os.getpid()}"

    def up(self) -> None:
        argv = ["kind", "create", "cluster", "--name", self.name, "--wait", "120s"]
        command(*argv, "--kubeconfig", self.kubectl.kubeconfig)
        self.access.grant()

    def down(self) -> None:
        command("kind", "delete", "cluster", "--name", self.name)
        shutil.rmtree(self.folder)

    def load(self, image: Image) -> str:
        archive = self.folder / "image.tar"
        image.write(archive)
        command("kind", "load", "image-archive", archive, "--name", self.name)
        return image.name
