"""What this machine lacks for the real rig, each as a sentence that says how to get it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

PROGRAMS = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
}
ROOT_PROGRAMS = {
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server",
    "nft": "nftables",
    "ip": "iproute2",
    "gcc": "gcc",
    "unshare": "util-linux",
    "useradd": "passwd",
}
CODE_MODULE = "pam_google_authenticator.so"


def missing_for_any_site() -> list[str]:
    """Without these there is no Slurm site at all."""
    return [
        f"{program} is not installed: apt-get install {package}."
        for program, package in PROGRAMS.items()
        if not found(program)
    ]


def missing_for_isolated_site() -> list[str]:
    """Without these site B, with its own networks and accounts, cannot be built."""
    if os.getuid() != 0:
        return ["Not root: network namespaces, accounts and one-time codes need it (try sudo)."]
    lacks = [
        f"{program} is not installed: apt-get install {package}."
        for program, package in ROOT_PROGRAMS.items()
        if not found(program)
    ]
    lacks += [
        f"No user {name!r}: apt-get install {package}."
        for name, package in (("slurm", "slurm-wlm"), ("mysql", "mariadb-server"))
        if not has_user(name)
    ]
    if not any(Path("/usr/lib").glob(f"*/security/{CODE_MODULE}")) and not any(
        Path("/lib").glob(f"*/security/{CODE_MODULE}")
    ):
        lacks.append(f"No {CODE_MODULE}: apt-get install libpam-google-authenticator.")
    if not Path("/dev/net/tun").exists():
        lacks.append("No /dev/net/tun: the wide-area link needs a kernel with TUN.")
    if not lacks and not may_contain():
        lacks.append("unshare is not permitted here: namespaces need CAP_SYS_ADMIN.")
    return lacks


def missing_for_proxied_site() -> list[str]:
    """Without these site C, whose nodes get out through a proxy alone, cannot be built."""
    lacks = missing_for_any_site() + missing_for_isolated_site()
    if not found("tinyproxy"):
        lacks.append("tinyproxy is not installed: apt-get install tinyproxy-bin.")
    return lacks


def missing() -> list[str]:
    return missing_for_any_site() + missing_for_isolated_site()


def found(program: str) -> bool:
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin:/sbin"
    return shutil.which(program, path=path) is not None


def has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def may_contain() -> bool:
    """Whether this process may make the namespaces a node needs."""
    argv = ["unshare", "--uts", "--pid", "--mount", "--net", "--fork", "--mount-proc", "true"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
