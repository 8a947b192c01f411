"""The login node of a site: an ordinary user, keys, certificates, one-time codes, and sshd."""

from __future__ import annotations

import base64
import hmac
import os
import pwd
import secrets
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.rig.network import command
from tests.rig.spec import SiteSpec


@dataclass(frozen=True, slots=True)
class Login:
    """Everything a person would know about getting in."""

    spec: SiteSpec

    @property
    def folder(self) -> Path:
        return self.spec.path("ssh")

    @property
    def key(self) -> Path:
        return self.folder / "user"

    @property
    def authority(self) -> Path:
        return self.folder / "authority"

    @property
    def host_key(self) -> str:
        """``ssh-ed25519 AAAA...``, as a profile pins it."""
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    @property
    def ports(self) -> dict[str, int]:
        """By what the sshd there wants or denies: the same login node, three doors."""
        first = self.spec.ssh_port
        return {"key": first, "code": first + 1, "closed": first + 2}

    def make_user(self) -> None:
        """An account that is not locked, or sshd refuses it without PAM."""
        home, user = self.spec.path("home"), self.spec.user
        home.mkdir(exist_ok=True)
        if user == pwd.getpwuid(os.getuid()).pw_name:
            return
        known = subprocess.run(["id", user], capture_output=True, check=False).returncode == 0
        if not known:
            command("useradd", "-p", "*", "-M", "-d", home, "-s", "/bin/bash", "-U", user)
        home.chmod(0o700)
        shutil.chown(home, user, user)

    def remove_user(self) -> None:
        if self.spec.user != pwd.getpwuid(os.getuid()).pw_name:
            subprocess.run(["userdel", self.spec.user], capture_output=True, check=False)

    def make_keys(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for name in ("host", "user", "authority", "stranger"):
            path = self.folder / name
            command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path)
        shutil.copy(self.folder / "user.pub", self.folder / "authorized_keys")
        self.make_code()

    def make_code(self) -> None:
        """The seed of the one-time codes; the PAM module rewrites it, so the user owns it."""
        seed = self.spec.path("home", ".google_authenticator")
        text = base64.b32encode(secrets.token_bytes(20)).decode().rstrip("=")
        seed.write_text(f'{text}\n" RATE_LIMIT 30 30\n" WINDOW_SIZE 5\n" TOTP_AUTH\n')
        seed.chmod(0o600)
        shutil.chown(seed, self.spec.user)

    def code(self) -> str:
        """The one-time code of now (RFC 6238)."""
        seed = self.spec.path("home", ".google_authenticator").read_text().splitlines()[0]
        secret = base64.b32decode(seed + "=" * (-len(seed) % 8))
        digest = hmac.digest(secret, (int(time.time()) // 30).to_bytes(8, "big"), "sha1")
        start = digest[-1] & 15
        number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
        return f"{number % 1_000_000:06d}"

    def certify(self, folder: Path, validity: str = "+1h") -> Path:
        """A new key in ``folder`` that no authorized_keys holds, with a certificate beside it."""
        key = folder / "certified"
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        command(
            "ssh-keygen", "-q", "-s", self.authority, "-I", "rig", "-n", self.spec.user,
            "-V", validity, f"{key}.pub",
        )  # fmt: skip
        return key

    def pam_service(self) -> str:
        return f"jc-rig-{self.spec.name}-{self.spec.instance}"

    def sshd(self, door: str) -> Path:
        """sshd's PAM service is named after argv[0]: a link of our own leaves the system's be."""
        link = self.folder / self.pam_service()
        if not link.is_symlink():
            link.symlink_to(shutil.which("sshd") or "/usr/sbin/sshd")
        return link if door == "code" else Path(shutil.which("sshd") or "/usr/sbin/sshd")

    def configure(self) -> None:
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
            Path("/etc/pam.d", self.pam_service()).write_text(
                "auth required pam_google_authenticator.so\n"
                "account required pam_permit.so\nsession required pam_permit.so\n"
            )
        for door in self.ports:
            self.write_config(door, forwarding=door != "closed")

    def write_config(self, door: str, *, forwarding: bool) -> None:
        text = self.sshd_config(door, "yes" if forwarding else "no")
        (self.folder / f"sshd_config.{door}").write_text(text)

    def forget(self) -> None:
        if os.getuid() == 0:
            Path("/etc/pam.d", self.pam_service()).unlink(missing_ok=True)

    def sshd_config(self, door: str, forwarding: str) -> str:
        code = door == "code"
        listen = "0.0.0.0" if self.spec.isolated else "127.0.0.1"
        methods = "publickey,keyboard-interactive:pam" if code else "publickey"
        return (
            f"ListenAddress {listen}:{self.ports[door]}\n"
            f"HostKey {self.folder}/host\nPidFile {self.spec.path('run')}/sshd-{door}.pid\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\n"
            f"TrustedUserCAKeys {self.folder}/authority.pub\n"
            f"StrictModes no\nUsePAM {'yes' if code else 'no'}\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication {'yes' if code else 'no'}\n"
            f"AuthenticationMethods {methods}\nAllowUsers {self.spec.user}\n"
            f"AllowTcpForwarding {forwarding}\nAllowStreamLocalForwarding {forwarding}\n"
            "Subsystem sftp internal-sftp\n"
            "GatewayPorts no\nMaxSessions 10\nMaxStartups 10:30:60\nUseDNS no\nPrintMotd no\n"
            f"SetEnv SLURM_CONF={self.spec.path('etc')}/slurm.conf\n"
        )
