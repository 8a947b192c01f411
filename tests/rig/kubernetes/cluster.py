"""One real Kubernetes: from etcd to kubelet, and what makes it fail."""

from __future__ import annotations

import signal
import ssl
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.rig.daemons import RigError, wait_until
from tests.rig.kubernetes import images
from tests.rig.kubernetes import spec as conf
from tests.rig.kubernetes.access import Access
from tests.rig.kubernetes.authority import Authority
from tests.rig.kubernetes.kubectl import Kubectl
from tests.rig.kubernetes.node import Node
from tests.rig.kubernetes.oci import Image
from tests.rig.kubernetes.spec import NODE, NodeSpec

PROGRAMS = {
    "controller-manager": "system:kube-controller-manager",
    "scheduler": "system:kube-scheduler",
    "proxy": "system:kube-proxy",
}
NAMESPACE = "continuum"
READY = "{.status.conditions[?(@.type=='Ready')].status}"


class Cluster:
    """``up`` starts it, ``down`` leaves nothing."""

    def __init__(self, spec: NodeSpec) -> None:
        self.spec = spec
        self.node = Node.of(spec)
        self.authority = Authority(spec.path("pki"), spec.server)
        self.kubectl = Kubectl(spec.programs / "kubectl", spec.path("kubeconfig", "admin"))
        self.access = Access(self.kubectl, NAMESPACE, spec.path("kubeconfig"))

    def up(self) -> None:
        self._write()
        self.node.up()
        self._make_certificates()
        self.node.spawn("etcd", conf.etcd(self.spec))
        self.start_api()
        config = self.spec.path("etc", "containerd.toml")
        self.node.spawn("containerd", ["containerd", "--config", config])
        with ThreadPoolExecutor(1) as pool:
            pause = pool.submit(self._load_pause)
            self.wait_for_api()
            self.node.spawn("controller-manager", conf.controller_manager(self.spec))
            self.node.spawn("scheduler", conf.scheduler(self.spec))
            pause.result()
        self.node.spawn("kubelet", conf.kubelet_arguments(self.spec))
        self.node.spawn("proxy", conf.proxy(self.spec))
        self.node.spawn("dns", conf.dns(self.spec))
        wait_until(self._ready, f"Kubernetes' node is not Ready; see {self.spec.path('log')}", 120)
        self.access.grant()

    def expired(self) -> Path:
        """A kubeconfig whose token was right until a minute ago."""
        uid = self.kubectl.run(
            *("get", "serviceaccount", "restricted", f"--namespace={NAMESPACE}"),
            "--output=jsonpath={.metadata.uid}",
        )
        token = self.authority.token(NAMESPACE, "restricted", uid, lasts_seconds=-60)
        return self.access.write("expired", token)

    def down(self) -> None:
        if self.spec.root.exists():
            self.node.down()

    def status(self) -> dict[str, int | None]:
        return {name: self.node.daemons.pid(name) for name in self.node.daemons.names()}

    def load(self, image: Image) -> str:
        """Give the node an image, if it has not got it; its name."""
        known = self.node.run("ctr", "--namespace=k8s.io", "images", "list", "--quiet")
        if image.name in known.split():
            return image.name
        archive = self.spec.path(f"{image.name.rpartition('/')[2]}.tar")
        image.write(archive)
        try:
            self.node.run("ctr", "--namespace=k8s.io", "images", "import", archive, seconds=300)
        finally:
            archive.unlink()
        return image.name

    # What makes it fail, and whole again.

    def offer_gpus(self, count: int) -> None:
        """``nvidia.com/gpu`` by a real device plugin with nothing behind it; 0 takes them away."""
        self.node.end("fakegpu")
        if count:
            self.node.spawn("fakegpu", ["fakegpu", "-n", str(count)])
        wait_until(
            lambda: self.gpus() == count,
            f"The node does not offer {count} GPUs; see {self.spec.path('log')}/fakegpu.out",
            60,
        )

    def gpus(self) -> int:
        """What the node has to give."""
        told = self.kubectl.run(
            *("get", "node", NODE), r"--output=jsonpath={.status.allocatable.nvidia\.com/gpu}"
        )
        return int(told or 0)

    def freeze_api(self) -> None:
        """The API server stops answering and keeps its connections."""
        self.node.daemons.signal("apiserver", signal.SIGSTOP)

    def thaw_api(self) -> None:
        self.node.daemons.signal("apiserver", signal.SIGCONT)

    def kill_api(self) -> None:
        """Connections are refused; what was stored stays."""
        self.node.end("apiserver")

    def start_api(self) -> None:
        self.node.spawn("apiserver", conf.apiserver(self.spec))

    def wait_for_api(self) -> None:
        wait_until(
            self._answers, f"The API server does not answer; see {self.spec.path('log')}", 90
        )

    def _answers(self) -> bool:
        if self.node.daemons.pid("apiserver") is None:
            raise RigError(f"The API server has ended; see {self.spec.path('log')}/apiserver.out")
        pki = self.spec.path("pki")
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(f"{self.spec.server}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _ready(self) -> bool:
        told = self.kubectl.attempt("get", "node", NODE, "--output", f"jsonpath={READY}")
        account = self.kubectl.attempt("get", "serviceaccount", "default")
        return told.stdout == "True" and account.returncode == 0

    def _load_pause(self) -> None:
        wait_until(
            lambda: self.node.attempt("ctr", "version").returncode == 0,
            f"containerd does not answer; see {self.spec.path('log')}",
            60,
        )
        self.load(images.pause_image())

    def _write(self) -> None:
        etc = self.spec.path("etc")
        (etc / "cni").mkdir(parents=True, exist_ok=True)
        (etc / "containerd.toml").write_text(conf.containerd(self.spec))
        (etc / "cni" / "10-rig.conflist").write_text(conf.pod_network())
        (etc / "kubelet.json").write_text(conf.kubelet(self.spec))
        (etc / "resolv.conf").touch()
        (etc / "resolv.cluster").write_text(conf.resolver(self.spec))

    def _make_certificates(self) -> None:
        authority, address = self.authority, self.spec.address
        authority.create()
        service = "kubernetes.default.svc.cluster.local"
        names = [".".join(service.split(".")[:length]) for length in (1, 2, 3, 5)]
        servers = [*names, "localhost", "127.0.0.1", address, conf.SERVICE_ADDRESS]
        authority.sign("apiserver", "kube-apiserver", hosts=servers)
        authority.sign("admin", "admin", "system:masters")
        authority.sign("kubelet-client", "apiserver-kubelet-client", "system:masters")
        node = [NODE, address, "127.0.0.1"]
        authority.sign("kubelet", f"system:node:{NODE}", "system:nodes", hosts=node)
        for name, user in PROGRAMS.items():
            authority.sign(name, user)
        for name in ("admin", "kubelet", *PROGRAMS):
            path = self.spec.path("kubeconfig", name)
            authority.kubeconfig(path, authority.certificate_of(name))
