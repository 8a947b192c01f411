"""The walls of an isolated site: a namespace per machine, a firewall, and a wide-area link."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.rig.daemons import Daemons, RigError, wait_until
from tests.rig.spec import SiteSpec

FIREWALL = """
table inet site {{
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname "wan0" ct state established,related accept
    iifname "wan0" tcp dport {{ {first}-{last} }} accept
    iifname "wan0" icmp type echo-request accept
    iifname "wan0" drop
  }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    ip saddr {network}.0/24 ip daddr {network}.0/24 accept
    {passing}
  }}
}}
"""
"""From outside only ssh to the login node; through it passes nothing but what is named. Between
nodes all may pass: where br_netfilter is loaded, as for Kubernetes, they meet this chain too."""
PASSING = """
    ct state established,related accept
    ip saddr {{ {sources} }} ip daddr {home} tcp dport {port} accept
"""


def command(*words: str | Path, stdin: str = "") -> str:
    """Run to the end and give what it printed; RigError with its own words."""
    argv = [str(word) for word in words]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RigError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def wanlink_program() -> Path:
    """The link's program, compiled once for this source and kept."""
    source = Path(__file__).with_name("wanlink.c")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    program = Path(tempfile.gettempdir()) / f"jc-wanlink-{os.getuid()}-{digest}"
    if not program.exists():
        partial = program.with_suffix(f".{os.getpid()}")
        command("gcc", "-O2", "-o", partial, source)
        partial.replace(program)
    return program


@dataclass(frozen=True, slots=True)
class Network:
    spec: SiteSpec
    daemons: Daemons

    @property
    def outside(self) -> list[str]:
        """Prefix that runs a command where the person is: on this machine, or in its own home."""
        return self.inside(self.spec.home) if self.spec.home else []

    def namespace(self, machine: str) -> str:
        return f"jcr{self.spec.instance}-{machine}"

    def inside(self, machine: str) -> list[str]:
        """Prefix that runs a command in a machine's network.

        nsenter, as ``ip netns exec`` remounts /sys and hides /sys/fs/cgroup, without
        which slurmd 22.05 does not start.
        """
        if not self.spec.isolated:
            return []
        return ["nsenter", f"--net=/run/netns/{self.namespace(machine)}"]

    def up(self) -> None:
        spec, login = self.spec, self.namespace(self.spec.login)
        command("ip", "-batch", "-", stdin=self._machines())
        device = "wan0" if spec.home else f"jcr{spec.instance}-wan"
        self.daemons.spawn(
            "wanlink",
            [
                wanlink_program(),
                f"/run/netns/{self.namespace(spec.home)}" if spec.home else "-",
                device,
                f"/run/netns/{login}",
                "wan0",
                str(spec.delay_ms),
                str(spec.rate_mbit),
                "60",
            ],
        )
        there = [*self.inside(spec.login), "ip", "link", "show", "wan0"]
        wait_until(
            lambda: subprocess.run(there, capture_output=True, check=False).returncode == 0,
            f"{spec.name}: no wide-area link; see {self.daemons.log}/wanlink.out",
        )
        command(
            *self.outside, "ip", "-batch", "-",
            stdin=f"link set lo up\naddr add {spec.outside_address}/30 dev {device}\n"
            f"link set {device} up mtu 1500\n"
            # So that dialling a compute node meets the site's firewall, not our default route.
            f"route replace {spec.network}.0/24 via {spec.login_address}\n",
        )  # fmt: skip
        command(
            "ip", "-n", login, "-batch", "-",
            stdin=f"addr add {spec.login_address}/30 dev wan0\n"
            "link set wan0 up mtu 1500\n"
            f"route replace default via {spec.outside_address}\n",
        )  # fmt: skip
        passing = ""
        if spec.proxied:
            command(*self.inside(spec.login), "sysctl", "-qw", "net.ipv4.ip_forward=1")
            sources = ", ".join([spec.proxy_address, *map(spec.address, spec.gpu_names)])
            passing = PASSING.format(
                sources=sources, home=spec.outside_address, port=spec.door_port
            )
        rules = FIREWALL.format(
            first=spec.ssh_port, last=spec.ssh_port + 2, passing=passing, network=spec.network
        )
        command(*self.inside(spec.login), "nft", "-f", "-", stdin=rules)

    def _machines(self) -> str:
        """The login node with a bridge, and a cable from it to every compute node."""
        spec, login = self.spec, self.namespace(self.spec.login)
        lines = [f"netns add {self.namespace(machine)}" for machine in spec.machines]
        lines += [
            f"link add lan0 netns {login} type bridge",
            *(
                f"link add v{number} netns {login} type veth"
                f" peer name eth0 netns {self.namespace(node)}"
                for number, node in enumerate(self._cabled)
            ),
        ]
        return "\n".join(lines) + "\n"

    @property
    def _cabled(self) -> list[str]:
        """Machines on the site's own network, beside the login node."""
        return [*self.spec.nodes, *filter(None, [self.spec.proxy])]

    def configure(self) -> None:
        """Addresses inside the namespaces."""
        spec = self.spec
        cables = "".join(f"link set v{n} master lan0 up\n" for n in range(len(self._cabled)))
        command(
            "ip", "-n", self.namespace(spec.login), "-batch", "-",
            stdin=f"link set lo up\naddr add {spec.control_address}/24 dev lan0\n"
            f"link set lan0 up\n{cables}",
        )  # fmt: skip
        for node in self._cabled:
            out = spec.proxied and (node == spec.proxy or node in spec.gpu_names)
            command(
                "ip", "-n", self.namespace(node), "-batch", "-",
                stdin=f"link set lo up\naddr add {spec.address(node)}/24 dev eth0\n"
                "link set eth0 up\n"
                + (f"route add default via {spec.control_address}\n" if out else ""),
            )  # fmt: skip

    def down(self) -> None:
        self.daemons.end("wanlink", force=True)
        present = subprocess.run(
            ["ip", "-o", "netns", "list"], capture_output=True, text=True, check=False
        ).stdout.split()
        for machine in self.spec.machines:
            if self.namespace(machine) in present:
                command("ip", "netns", "del", self.namespace(machine))

    def cut(self) -> None:
        """The wide-area link goes dark: packets vanish, nobody is told."""
        self.daemons.signal("wanlink", signal.SIGUSR1)

    def restore(self) -> None:
        self.daemons.signal("wanlink", signal.SIGUSR2)
