"""One real Slurm site: munge, slurmctld, a slurmd per node, sshd, and what makes them fail."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

from tests.rig import spec as conf
from tests.rig.accounts import Accounts
from tests.rig.daemons import Daemons, RigError, wait_until
from tests.rig.login import Login
from tests.rig.network import Network, command
from tests.rig.spec import SiteSpec

NODE = """
hostname {node}
mount --bind {etc}/hosts /etc/hosts
mount --bind {etc}/resolv.conf /etc/resolv.conf
slurmd -D -f {etc}/slurm.conf -N {node} & wait $!
while :; do wait; sleep 3600 & done
"""
"""bash stays as process 1 of the node: it reaps orphans, and its death is a power cut."""


class SlurmSite:
    """One site of the rig; ``up`` starts it, ``down`` leaves nothing."""

    def __init__(self, spec: SiteSpec) -> None:
        self.spec = spec
        environment = {"SLURM_CONF": str(spec.path("etc", "slurm.conf"))}
        self.daemons = Daemons(spec.path("run"), spec.path("log"), environment)
        self.login = Login(spec)
        self.network = Network(spec, self.daemons)
        self.accounts = Accounts(spec, self.daemons, self.network)

    @property
    def work(self) -> Path:
        """The user's work directory, seen by every node."""
        return self.spec.path("work")

    def client(self, *words: str, user: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a Slurm command as on the login node."""
        argv = [*self.network.inside(self.spec.login)]
        if user and os.getuid() == 0:
            name = self.spec.user
            argv += ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups"]
        environment = {**os.environ, **self.daemons.environment}
        return subprocess.run(
            [*argv, *words], capture_output=True, text=True, env=environment, check=False
        )

    def up(self) -> None:
        self._write()
        if self.spec.isolated:
            self.network.up()
            self.network.configure()
        if self.spec.proxied:
            self.start_proxy()
        self._start_munge()
        if self.spec.accounts:
            self.accounts.start_database()
            self.accounts.start_slurmdbd(self._at_login())
            # A controller that finds no slurmdbd at its first start does not start at all.
            self.accounts.sacctmgr("list", "cluster")
        self.start_controller()
        for node in self.spec.nodes:
            self.start_node(node)
        self.start_sshd()
        # Before the accounts: slurmdbd tells them to a controller that answers, or never.
        self.wait_for_nodes()
        if self.spec.accounts:
            self.accounts.seed(self._at_login())
            self._wait_for_accounts()

    def wait_for_nodes(self) -> None:
        wait_until(
            self._nodes_ready, f"{self.spec.name}: nodes are not idle; see {self.daemons.log}"
        )

    def down(self) -> None:
        """End every process by its pid, then remove files, namespaces, user and PAM service."""
        if not self.spec.root.exists():
            return
        for node in self.spec.nodes:
            self.crash_node(node)
        for name in ("sshd-key", "sshd-code", "sshd-closed", "slurmctld", "slurmdbd", "mariadbd"):
            self.daemons.end(name, force=name in ("slurmctld", "mariadbd"))
        self.daemons.end("munged")
        self.stop_proxy()
        if self.spec.isolated:
            self.network.down()
        self._end_sessions()
        if self.full_disk.is_mount():
            command("umount", "-l", self.full_disk)
        self.login.forget()
        self.login.remove_user()
        shutil.rmtree(self.spec.root)

    def status(self) -> dict[str, int | None]:
        return {name: self.daemons.pid(name) for name in self.daemons.names()}

    # What makes a site fail, and whole again.

    def freeze(self) -> None:
        """slurmctld stops answering and keeps its connections."""
        self.daemons.signal("slurmctld", signal.SIGSTOP)

    def thaw(self) -> None:
        self.daemons.signal("slurmctld", signal.SIGCONT)

    def crash_node(self, node: str) -> None:
        """Power cut: slurmd, step daemons and jobs vanish together."""
        self._end_node(node)

    def start_node(self, node: str) -> None:
        etc, network = self.spec.path("etc"), self.network.inside(node)
        if not self.spec.contained:
            argv = ["slurmd", "-D", "-f", str(etc / "slurm.conf"), "-N", node]
        else:
            boot = NODE.format(node=node, etc=etc)
            unshare = [
                "unshare",
                "--uts",
                "--pid",
                "--mount",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ]
            argv = [*network, *unshare, "bash", "-c", boot]
        self.daemons.spawn(f"slurmd-{node}", argv)

    @property
    def at_home(self) -> list[str]:
        """Prefix that runs a command on the person's machine: nothing where it is this one."""
        return self.network.outside

    def start_proxy(self) -> None:
        config = self.spec.path("etc", "tinyproxy.conf")
        inside = self.network.inside(self.spec.proxy)
        # With the site's own resolv.conf, as it asks for the name of everybody who comes, and with
        # nothing of the test's environment, by which the processes of a test are told.
        alone = [*self._on(self.spec.proxy), "env", "-i", f"PATH={os.environ['PATH']}"]
        self.daemons.spawn("tinyproxy", [*alone, "tinyproxy", "-d", "-c", str(config)])
        listening = f":{self.spec.proxy_port} "
        wait_until(
            lambda: listening in _said(*inside, "ss", "-Hltn"),
            f"{self.spec.name}: the proxy does not listen; see {self.daemons.log}/tinyproxy.out",
        )

    def stop_proxy(self) -> None:
        """It breaks what passes through it."""
        self.daemons.end("tinyproxy", force=True)

    def stop_sshd(self) -> None:
        """Nobody gets in any more, and whoever is in is thrown out."""
        for door in self.login.ports:
            self.daemons.end(f"sshd-{door}")
        self._end_sessions(jobs=False)

    def start_sshd(self) -> None:
        doors = self.login.ports if os.getuid() == 0 else ("key", "closed")
        for door in doors:
            self._spawn_sshd(door)
        for door in doors:
            self._wait_for_sshd(door)

    def change_forwarding(self, *, allowed: bool) -> None:
        """The site changes its mind: the sshd that takes keys starts anew, and all sessions end."""
        self.login.write_config("key", forwarding=allowed)
        self.daemons.end("sshd-key")
        self._end_sessions(jobs=False)
        self._spawn_sshd("key")
        self._wait_for_sshd("key")

    def relays(self) -> list[int]:
        """Programs of carrier ssh-exec that run on the login node."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                relay = path.read_bytes().startswith(b"python3\0-IS")
                found += [int(path.parent.name)] if relay and path.owner() == self.spec.user else []
        return found

    def _spawn_sshd(self, door: str) -> None:
        config = self.spec.path("ssh", f"sshd_config.{door}")
        argv = [self.login.sshd(door), "-D", "-e", "-f", config]
        self.daemons.spawn(f"sshd-{door}", [*self._at_login(), *map(str, argv)])

    def _wait_for_sshd(self, door: str) -> None:
        listening = f":{self.login.ports[door]} "
        wait_until(
            lambda: listening in self.client("ss", "-Hltn").stdout,
            f"{self.spec.name}: sshd does not listen; see {self.daemons.log}/sshd-{door}.out",
        )

    def cut(self) -> None:
        self.network.cut()

    def restore(self) -> None:
        self.network.restore()

    # How the parts start.

    def start_controller(self) -> None:
        path = self.spec.path("etc", "slurm.conf")
        self.daemons.spawn("slurmctld", [*self._at_login(), "slurmctld", "-D", "-f", str(path)])

    def _at_login(self) -> list[str]:
        return self._on(self.spec.login)

    def _on(self, machine: str) -> list[str]:
        """Prefix for a daemon there: its network, its host name, its /etc/hosts."""
        if not self.spec.contained:
            return []
        etc = self.spec.path("etc")
        boot = (
            f"hostname {machine}; mount --bind {etc}/hosts /etc/hosts; "
            f'mount --bind {etc}/resolv.conf /etc/resolv.conf; exec "$@"'
        )
        unshare = ["unshare", "--uts", "--mount", "sh", "-c", boot, "sh"]
        return [*self.network.inside(machine), *unshare]

    def _start_munge(self) -> None:
        run, etc, log = (self.spec.path(name) for name in ("run", "etc", "log"))
        self.daemons.spawn(
            "munged",
            [
                "munged",
                "-F",
                "--force",
                f"--socket={run}/munge.sock",
                f"--key-file={etc}/munge.key",
                f"--log-file={log}/munged.log",
                f"--pid-file={run}/munged.pid",
                f"--seed-file={run}/munged.seed",
                "--num-threads=2",
            ],
        )
        probe = ["munge", "-n", "-S", f"{run}/munge.sock"]
        wait_until(
            lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0,
            f"{self.spec.name}: munge does not answer; see {log}/munged.out",
        )

    def _nodes_ready(self) -> bool:
        rows = self.client("sinfo", "-hN", "-o", "%N %t").stdout.splitlines()
        ready = {row.split()[0] for row in rows if row.split()[-1] in ("idle", "mix", "alloc")}
        return ready == set(self.spec.nodes)

    def _wait_for_accounts(self) -> None:
        """The controller learns of accounts, and later of their QoS, after the database has both.

        Only what it lets the user do is proof: an account is listed before its QoS can be used.
        """
        ask = ["sbatch", "--test-only", "--account=proj_1234", "--qos=debug", "--time=1"]
        wait_until(
            lambda: self.client(*ask, "--wrap=true", user=True).returncode == 0,
            f"{self.spec.name}: the controller takes no job of {self.spec.user} for its accounts",
        )

    def _end_node(self, node: str) -> None:
        name = f"slurmd-{node}"
        pid = self.daemons.pid(name)
        if pid is not None and not self.spec.contained:
            # Without a pid namespace step daemons outlive their slurmd.
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    words = path.read_bytes().decode(errors="replace")
                    if words.startswith("slurmstepd") and path.stat().st_uid == os.getuid():
                        os.kill(int(path.parent.name), signal.SIGKILL)
        self.daemons.end(name, force=True)

    def _end_sessions(self, *, jobs: bool = True) -> None:
        """Sessions that sshd left behind, and what else the site's user runs."""
        if os.getuid() != 0:
            return
        found = subprocess.run(
            ["id", "-u", self.spec.user], capture_output=True, text=True, check=False
        ).stdout.strip()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (path / "cmdline").read_bytes()
                session = words.startswith(f"sshd: {self.spec.user}".encode())
                if session or (jobs and found and path.stat().st_uid == int(found)):
                    os.kill(int(path.name), signal.SIGKILL)

    # Files.

    def _write(self) -> None:
        spec = self.spec
        spec.root.mkdir(parents=True, mode=0o755)
        for name in ("etc", "run", "log", "state", "spool", "work"):
            spec.path(name).mkdir()
        for node in spec.nodes:
            spec.path("spool", node).mkdir()
        self.login.make_user()
        self.login.make_keys()
        self.login.configure()
        for name in ("state", "log"):
            shutil.chown(spec.path(name), spec.slurm_user)
        shutil.chown(self.work, spec.user)
        self.work.chmod(0o700)
        # mariadbd and slurmctld make their own files here, under their own names.
        spec.path("run").chmod(0o1777 if os.getuid() == 0 else 0o755)
        etc = spec.path("etc")
        (etc / "munge.key").write_bytes(secrets.token_bytes(128))
        (etc / "munge.key").chmod(0o400)
        (etc / "hosts").write_text(conf.hosts(spec))
        (etc / "resolv.conf").write_text(conf.RESOLV_CONF)
        (etc / "slurm.conf").write_text(conf.slurm_conf(spec))
        if spec.proxied:
            (etc / "tinyproxy.conf").write_text(conf.tinyproxy_conf(spec))
        (etc / "gres.conf").write_text(conf.gres_conf(spec))
        if spec.accounts:
            path = etc / "slurmdbd.conf"
            path.write_text(conf.slurmdbd_conf(spec))
            path.chmod(0o600)
            shutil.chown(path, spec.slurm_user)
        self._make_gpus()
        self._make_full_disk()

    @property
    def full_disk(self) -> Path:
        """A folder of the user's on a file system without room left."""
        return self.spec.path("full")

    def _make_full_disk(self) -> None:
        """Before any daemon starts: each has a mount namespace of its own."""
        self.full_disk.mkdir()
        if not self.spec.contained:
            return
        command("mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", self.full_disk)
        (self.full_disk / "filler").write_bytes(bytes(65_536))
        shutil.chown(self.full_disk, self.spec.user)

    def _make_gpus(self) -> None:
        """slurmd wants a character device per GPU; any will do, as nothing opens it."""
        if os.getuid() != 0:
            return
        folder = self.spec.path("gpu")
        folder.mkdir()
        for number in range(self.spec.gpus_per_node):
            os.mknod(folder / f"nvidia{number}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def log_tail(site: SlurmSite, lines: int = 30) -> str:
    """The end of every log: what to read when a part did not start."""
    parts = []
    for path in sorted(site.daemons.log.glob("*")):
        text = path.read_text(errors="replace").splitlines()[-lines:]
        parts.append(f"==> {path.name}\n" + "\n".join(text))
    return "\n".join(parts)


__all__ = ["RigError", "SlurmSite", "log_tail"]

if sys.platform != "linux":
    raise RigError("The rig needs Linux: namespaces, /proc and TUN.")
