"""What a cluster of the rig is made of, and the files and arguments that say so. Pure text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

SERVICES = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
PODS = "10.244.0.0/24"
"""Known inside the cluster's own network only, so the same for every instance."""
NODE = "node1"
PAUSE = "localhost/jc-pause:1"
CONTAINERD = "/run/containerd/containerd.sock"
SYSCTLS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""kubelet sets these for the whole machine; it is given files of its own in their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One instance. Everything it takes from the machine carries its number."""

    instance: int
    root: Path
    programs: Path
    runtime: Path

    @property
    def name(self) -> str:
        """Of its cable and its cgroup."""
        return f"jck{self.instance}"

    @property
    def outside_address(self) -> str:
        return f"10.231.{self.instance}.1"

    @property
    def address(self) -> str:
        """The node's, the only one that this machine can dial."""
        return f"10.231.{self.instance}.2"

    @property
    def server(self) -> str:
        return f"https://{self.address}:6443"

    def path(self, *parts: str) -> Path:
        return self.root.joinpath(*parts)

    def environment(self) -> dict[str, str]:
        usr, library = self.runtime / "usr", self.runtime / "usr/lib/x86_64-linux-gnu"
        system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {
            "PATH": f"{self.programs}:{usr}/bin:{usr}/sbin:{system}",
            "LD_LIBRARY_PATH": f"{library}:{self.runtime}/lib/x86_64-linux-gnu",
            "XTABLES_LIBDIR": f"{library}/xtables",
            # Else kubelet waits for the metadata service of a cloud.
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def containerd(spec: NodeSpec) -> str:
    return f"""\
version = 2
root = "{spec.path("containerd")}"
state = "/run/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  # Root may lack CAP_SYS_RESOURCE, without which no sandbox starts otherwise.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{spec.runtime}/usr/lib/cni"
    conf_dir = "{spec.path("etc", "cni")}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def pod_network() -> str:
    """A bridge; pods reach each other and the node, and nobody outside, who has no way back."""
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": ipam,
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "rig", "plugins": [bridge]})


def kubelet(spec: NodeSpec) -> str:
    """Its configuration; JSON, which is YAML too."""
    pki = spec.path("pki")
    content = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/kubelet.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet.key",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{spec.name}",
        "clusterDNS": [spec.address],
        "clusterDomain": "cluster.local",
        "resolvConf": str(spec.path("etc", "resolv.conf")),
        "failSwapOn": False,
        "nodeStatusUpdateFrequency": "2s",
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }
    return json.dumps(content, indent=1)


def resolver(spec: NodeSpec) -> str:
    """What a pod of the namespace ``default`` is given as its resolv.conf."""
    search = "default.svc.cluster.local svc.cluster.local cluster.local"
    return f"nameserver {spec.address}\nsearch {search}\noptions ndots:5 timeout:2\n"


def etcd(spec: NodeSpec) -> list[str]:
    return [
        "etcd",
        f"--data-dir={spec.path('etcd')}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--logger=zap",
    ]


def apiserver(spec: NodeSpec) -> list[str]:
    pki = spec.path("pki")
    return [
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={spec.address}",
        "--bind-address=0.0.0.0",
        "--secure-port=6443",
        f"--service-cluster-ip-range={SERVICES}",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/kubelet-client.crt",
        f"--kubelet-client-key={pki}/kubelet-client.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def controller_manager(spec: NodeSpec) -> list[str]:
    pki, config = spec.path("pki"), spec.path("kubeconfig", "controller-manager")
    return [
        "kube-controller-manager",
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--root-ca-file={pki}/ca.crt",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
    ]


def scheduler(spec: NodeSpec) -> list[str]:
    config = spec.path("kubeconfig", "scheduler")
    return [
        "kube-scheduler",
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--leader-elect=false",
    ]


def kubelet_arguments(spec: NodeSpec) -> list[str]:
    return [
        "kubelet",
        f"--config={spec.path('etc', 'kubelet.json')}",
        f"--kubeconfig={spec.path('kubeconfig', 'kubelet')}",
        f"--hostname-override={NODE}",
        f"--node-ip={spec.address}",
        "--container-runtime=remote",
        f"--container-runtime-endpoint=unix://{CONTAINERD}",
        "--root-dir=/var/lib/kubelet",
        "--oom-score-adj=0",
    ]


def proxy(spec: NodeSpec) -> list[str]:
    return [
        "kube-proxy",
        f"--kubeconfig={spec.path('kubeconfig', 'proxy')}",
        f"--hostname-override={NODE}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={PODS}",
        "--oom-score-adj=0",
        # The kernel lets nobody set these inside a network namespace.
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]


def dns(spec: NodeSpec) -> list[str]:
    return [
        "minidns",
        f"--kubeconfig={spec.path('kubeconfig', 'admin')}",
        f"--listen={spec.address}:53",
    ]
