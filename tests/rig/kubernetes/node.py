"""The machine that is no machine: namespaces, a cable and a cgroup, which end with one process."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rig.daemons import Daemons, RigError, descendants, started, wait_until
from tests.rig.kubernetes.spec import SYSCTLS, NodeSpec
from tests.rig.network import command

HOLDER = """
set -e
mount --make-rshared /
resolv=$(realpath -m /etc/resolv.conf)
mount -t tmpfs tmpfs /run
mkdir /run/lock /run/containerd
[ -e $resolv ] || {{ mkdir -p ${{resolv%/*}}; touch $resolv; }}
mount --bind {root}/etc/resolv.cluster $resolv
mount --bind {root}/var-lib /var/lib
mount --bind {root}/var-log /var/log
for name in {sysctls}; do
  file={root}/sysctl/${{name//\\//_}}
  cat /proc/sys/$name >$file
  mount --bind $file /proc/sys/$name
done
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
touch {root}/run/ready
while :; do wait; sleep 3600 & done
"""
"""bash is process 1 of the node: it reaps orphans, and all ends when it does.

/run, /var/lib and /var/log are replaced as a whole: a folder made on the machine below a private
mount would be everybody's, and removing it would take it from under another instance.
"""
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Node:
    """Programs run inside by ``spawn`` and ``inside``; ``down`` leaves nothing."""

    spec: NodeSpec
    daemons: Daemons

    @classmethod
    def of(cls, spec: NodeSpec) -> Node:
        return cls(spec, Daemons(spec.path("run"), spec.path("log"), spec.environment()))

    def up(self) -> None:
        spec = self.spec
        for name in ("run", "log", "etc/cni", "sysctl", "var-lib", "var-log"):
            spec.path(name).mkdir(parents=True, exist_ok=True)
        for group in self._groups():
            group.mkdir(exist_ok=True)
        script = HOLDER.format(root=spec.root, sysctls=" ".join(SYSCTLS))
        self.daemons.spawn(
            "holder",
            [
                *("unshare", "--mount", "--pid", "--net", "--fork", "--propagation", "private"),
                *("--mount-proc", "--kill-child", "bash", "-c", script),
            ],
        )
        wait_until(
            lambda: spec.path("run", "ready").exists() or self.daemons.pid("holder") is None,
            f"The Kubernetes node got no namespaces; see {spec.path('log')}/holder.out",
        )
        self._connect()

    def _connect(self) -> None:
        spec = self.spec
        command(
            "ip", "-batch", "-",
            stdin=f"link add {spec.name} type veth peer name eth0 netns {self.first()}\n"
            f"addr add {spec.outside_address}/30 dev {spec.name}\nlink set {spec.name} up\n",
        )  # fmt: skip
        command(
            *self.inside(), "ip", "-batch", "-",
            stdin=f"link set lo up\naddr add {spec.address}/30 dev eth0\nlink set eth0 up\n"
            f"route add default via {spec.outside_address}\n",
        )  # fmt: skip

    def first(self) -> int:
        """Process 1 of the node, by the pid it has outside."""
        pid = self.daemons.pid("holder")
        family = descendants(pid) if pid else []
        if len(family) < 2:
            raise RigError(f"The Kubernetes node has ended; see {self.spec.path('log')}/holder.out")
        return family[1]

    def inside(self) -> list[str]:
        """Prefix that runs a command in the node; give absolute paths after it."""
        return ["nsenter", f"--target={self.first()}", "--mount", "--pid", "--net", "--"]

    def attempt(self, *words: str | Path, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run to the end inside, whatever comes of it; names resolve as in a pod."""
        argv = [*self.inside(), *(str(word) for word in words)]
        environment = {**os.environ, **self.spec.environment()}
        return subprocess.run(
            argv, capture_output=True, text=True, env=environment, check=False, timeout=seconds
        )

    def run(self, *words: str | Path, seconds: float = 120) -> str:
        """What it printed; RigError with its own words."""
        done = self.attempt(*words, seconds=seconds)
        if done.returncode:
            raise RigError(f"{words[0]}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def spawn(self, name: str, argv: Sequence[str | Path]) -> None:
        self.daemons.spawn(name, [*self.inside(), *argv])

    def end(self, name: str) -> None:
        """KILL the program itself: nsenter, which started it, would not take it along."""
        pid = self.daemons.pid(name)
        family = descendants(pid) if pid else []
        with contextlib.suppress(RigError):
            self.daemons.signal(name, signal.SIGKILL)
        self.daemons.end(name, force=True)
        # Its sockets close with its last thread, and a leader that is a zombie may still have some.
        wait_until(lambda: not any(map(_has_threads, family)), f"{name} has not ended")

    def down(self) -> None:
        pid = self.daemons.pid("holder")
        inside = descendants(pid) if pid else []
        for name in self.daemons.names():
            if name != "holder":
                self.daemons.end(name, force=True)
        self.daemons.end("holder", force=True)
        wait_until(
            lambda: not any(started(one) for one in inside), "Processes of the node are left"
        )
        subprocess.run(["ip", "link", "del", self.spec.name], capture_output=True, check=False)
        deadline = time.monotonic() + 20
        while not self._remove():
            if time.monotonic() > deadline:
                raise RigError(f"{self.spec.root} or its cgroups cannot be removed")
            time.sleep(0.05)

    def _remove(self) -> bool:
        """Cgroups and files; the kernel takes a moment to let go of them."""
        for group in self._groups():
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
        shutil.rmtree(self.spec.root, ignore_errors=True)
        return not self.spec.root.exists() and not any(map(Path.exists, self._groups()))

    def _groups(self) -> list[Path]:
        """Its folder in each hierarchy: one with cgroup v2, one a controller with v1."""
        if (CGROUPS / "cgroup.controllers").exists():
            return [CGROUPS / self.spec.name]
        return [path / self.spec.name for path in CGROUPS.iterdir() if path.is_mount()]


def _has_threads(pid: int) -> bool:
    """Beside a leader that is a zombie, which stays one: nobody in the node waits for it."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) > 1 or started(pid) is not None
    except FileNotFoundError:
        return False
