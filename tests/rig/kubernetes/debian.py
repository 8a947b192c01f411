"""Packages and sources of one Debian suite, unpacked into a folder and never installed.

With apt state of its own, so that the machine's is not touched, neither root nor its suite
matters, and no daemon is ever started.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from tests.rig.daemons import RigError
from tests.rig.network import command

SUITE = "bookworm"
"""containerd 1.6, the last that speaks the CRI of Kubernetes 1.20."""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RUNTIME = (
    "containerd",
    "runc",
    "etcd-server",
    "containernetworking-plugins",
    "iptables",
    "conntrack",
    "ethtool",
    "libip4tc2",
    "libip6tc2",
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libnftnl11",
    "libseccomp2",
    "libxtables12",
)
"""What a node needs beside Kubernetes' own programs."""
A_DAY = 86_400
IPTABLES = ("iptables", "iptables-save", "iptables-restore")


def cache() -> Path:
    """Kept between runs, in the person's real home: tests run with another ``HOME``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache")
    path = Path(base) / "jupyter-continuum-kubernetes"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Only one run at a time fills this part of the cache."""
    with (cache() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def runtime() -> Path:
    """Folder with etcd, containerd, runc, CNI plugins and iptables below ``usr``."""
    return cache() / f"runtime-{SUITE}"


def prepare_runtime() -> None:
    """Download and unpack it, once."""
    root = runtime()
    with alone("runtime"):
        if not root.exists():
            partial = root.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            for package in download(*RUNTIME):
                command("dpkg", "-x", package, partial)
            for name in IPTABLES:
                for prefix in ("", "6"):
                    link = partial / "usr" / "sbin" / name.replace("ip", f"ip{prefix}", 1)
                    link.unlink(missing_ok=True)
                    link.symlink_to("xtables-nft-multi")
            partial.rename(root)


def version(package: str) -> str:
    """Of a downloaded package, by the name of its file."""
    return unquote(_latest(package).name.split("_")[1])


def download(*packages: str) -> list[Path]:
    """Package files, the latest of the suite."""
    (cache() / "debs").mkdir(exist_ok=True)
    apt("download", *packages, folder=cache() / "debs")
    return [_latest(package) for package in packages]


def _latest(package: str) -> Path:
    return max((cache() / "debs").glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)


def apt(*words: str, folder: Path) -> None:
    """``apt-get WORDS`` in ``folder``, with the suite's lists fetched first."""
    if shutil.which("apt-get") is None:
        raise RigError("The parts of a Kubernetes node come from Debian packages: no apt-get here.")
    state = cache() / "apt"
    lists = state / "fetched"
    stale = not lists.exists() or lists.stat().st_mtime < time.time() - A_DAY
    for path in ("lists/partial", "cache/archives/partial", "etc"):
        (state / path).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    signed = f"[signed-by={KEYRING}]" if KEYRING.exists() else ""
    lines = [f"{kind} {signed} {mirror()} {SUITE} main\n" for kind in ("deb", "deb-src")]
    (state / "etc" / "sources.list").write_text("".join(lines))
    settings = {
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Dir::Etc::sourcelist": state / "etc" / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Sandbox::User": pwd.getpwuid(os.getuid()).pw_name,
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    for verb in ([["update"]] if stale else []) + [list(words)]:
        argv = ["apt-get", "--quiet", *options, *verb]
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise RigError(f"apt-get {' '.join(verb)}: {' '.join(reason)}")
        if stale:
            lists.touch()


def mirror() -> str:
    """The archive that this machine's own apt is set to."""
    folder = Path("/etc/apt")
    for path in sorted([*folder.glob("sources.list.d/*"), folder / "sources.list"]):
        if path.exists():
            for found in re.finditer(
                r"^(?:URIs:|deb\s+(?:\[[^]]*\]\s*)?)\s*(\S+)", path.read_text(), re.M
            ):
                if found[1].rstrip("/").endswith("/debian"):
                    return found[1]
    raise RigError(
        "No Debian archive is set in /etc/apt: the parts of a Kubernetes node lie there."
    )
