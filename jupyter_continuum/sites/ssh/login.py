"""Opening an SSH connection: host key, keys and certificates, one-time codes, jump hosts."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh

from jupyter_continuum.errors import HostKeyChanged, SignInRequired, SiteUnreachable
from jupyter_continuum.sites.profile import SshLogin
from jupyter_continuum.sites.protocols import Asker, Question
from jupyter_continuum.sites.ssh.certificate import (
    RENEW,
    Certificate,
    certificate_beside,
    inspect_certificate,
)
from jupyter_continuum.sites.ssh.person import CONNECT_SECONDS, TRIES, Person

KEEPALIVE_SECONDS = 15
KEEPALIVE_COUNT = 3
HOST_KEYS = (
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "rsa-sha2-512", "rsa-sha2-256",
)  # fmt: skip
CIPHERS = (
    "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
    "aes256-ctr", "aes128-ctr",
)  # fmt: skip
"""AES-GCM first: hardware carries it, and this connection carries the relay's bytes."""


@dataclass(slots=True)
class Connection:
    """An open connection and the jump hosts it goes through, outermost first."""

    ssh: asyncssh.SSHClientConnection
    lost: asyncio.Event
    through: tuple[asyncssh.SSHClientConnection, ...] = ()

    async def close(self) -> None:
        for ssh in (self.ssh, *reversed(self.through)):
            ssh.close()
            await ssh.wait_closed()


@dataclass(frozen=True, slots=True)
class _KeyFiles:
    key: Path
    certificate: Path | None

    @classmethod
    def of(cls, login: SshLogin) -> _KeyFiles:
        key = Path(login.key or "").expanduser()
        named = Path(login.certificate).expanduser() if login.certificate else None
        return cls(key, named or certificate_beside(key))


@dataclass(frozen=True, slots=True)
class SignIn:
    """Opens connections for one profile."""

    login: SshLogin
    site: str
    asker: Asker
    pin: Callable[[SshLogin, str], None]
    """Keeps a host key the person has confirmed, for this host or one of its jump hosts."""

    async def open(self) -> Connection:
        """Connect and log in, through every jump host.

        Raises SiteUnreachable, SignInRequired or HostKeyChanged.
        """
        through: list[asyncssh.SSHClientConnection] = []
        try:
            for hop in self.login.jump:
                ssh, _ = await self._hop(hop, through[-1] if through else None)
                through.append(ssh)
            ssh, person = await self._hop(self.login, through[-1] if through else None)
        except BaseException:
            for opened in reversed(through):
                opened.close()
            raise
        return Connection(ssh, person.lost, tuple(through))

    async def _hop(
        self, login: SshLogin, tunnel: asyncssh.SSHClientConnection | None
    ) -> tuple[asyncssh.SSHClientConnection, Person]:
        keys, stale = await self._keys(login)
        where = f"{login.host}:{login.port}"
        pinned = login.host_key or await self._confirm(login, tunnel)
        person = Person(self.site, login, self.asker, _read_pinned(self.site, pinned))
        try:
            async with asyncio.timeout(CONNECT_SECONDS) as person.clock:
                ssh = await asyncssh.connect(
                    login.host,
                    login.port,
                    username=login.user,
                    client_factory=lambda: person,
                    client_keys=keys,
                    agent_path=() if login.use_agent and login.key is None else None,
                    known_hosts=([person.pinned], [], []),
                    server_host_key_algs=_host_key_order(pinned),
                    encryption_algs=CIPHERS,
                    compression_algs=("none",),
                    preferred_auth=("publickey", "keyboard-interactive", "password"),
                    keepalive_interval=KEEPALIVE_SECONDS,
                    keepalive_count_max=KEEPALIVE_COUNT,
                    login_timeout=0,
                    gss_host=None,
                    config=None,
                    tunnel=tunnel,
                )
        except asyncssh.HostKeyNotVerifiable:
            raise self._changed(login, person) from None
        except asyncssh.PermissionDenied:
            raise self._denied(login, person, stale) from None
        except (OSError, TimeoutError, asyncssh.Error) as error:
            if person.silent:
                raise self._denied(login, person, stale) from None
            raise SiteUnreachable(f"{self.site}: {where} {unreached(error)}") from None
        return ssh, person

    async def _confirm(self, login: SshLogin, tunnel: asyncssh.SSHClientConnection | None) -> str:
        """Ask the person about a host key seen for the first time; nothing is sent before."""
        where = f"{login.host}:{login.port}"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                key = await asyncssh.get_server_host_key(
                    login.host, login.port, tunnel=tunnel, server_host_key_algs=HOST_KEYS,
                    config=None,
                )  # fmt: skip
        except (OSError, TimeoutError, asyncssh.Error) as error:
            raise SiteUnreachable(f"{self.site}: {where} {unreached(error)}") from None
        if key is None:
            raise SiteUnreachable(f"{self.site}: {where} shows no host key. Check the address.")
        print_ = key.get_fingerprint()
        text = (
            f"{where} shows the host key {print_} ({key.get_algorithm()}), which was never seen "
            "before. Compare it with the one the site publishes. Is it right?"
        )
        if await self.asker.ask(Question("host-key", self.site, text, secret=False)) != "yes":
            raise SignInRequired(
                f"{self.site}: the host key {print_} of {where} was not confirmed, so nothing was "
                "sent. Connect again once you have compared it."
            )
        line = " ".join(key.export_public_key("openssh").decode().split()[:2])
        self.pin(login, line)
        return line

    async def _keys(self, login: SshLogin) -> tuple[Any, Certificate | None]:
        """What to offer (asyncssh's own mix of keys and pairs), and a certificate out of date."""
        if login.key is None:
            return (), None
        files = _KeyFiles.of(login)
        found = inspect_certificate(files.certificate) if files.certificate else None
        problem = found.problem(datetime.now(UTC)) if found else ""
        if login.certificate and problem:
            raise SignInRequired(f"{self.site}: {problem}.")
        key = await self._private_key(files.key)
        if found is None or problem:
            return [key], found
        return [(key, asyncssh.read_certificate(str(found.path))), key], None

    async def _private_key(self, path: Path) -> asyncssh.SSHKey:
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise SignInRequired(
                f"{self.site}: the key {path} cannot be read ({error.strerror}). "
                "Name another one with `jupyter continuum connect`."
            ) from None
        answer, again = None, ""
        for _ in range(1 + TRIES):
            try:
                # In a thread: a passphrase takes a second of computing, on purpose.
                return await asyncio.to_thread(asyncssh.import_private_key, data, answer)
            except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
                locked = isinstance(error, asyncssh.KeyEncryptionError) or "assphrase" in str(error)
                if not locked or "bcrypt" in str(error):
                    raise SignInRequired(
                        f"{self.site}: the key {path} cannot be used ({error})."
                    ) from None
                again = "That was not it. " if answer else ""
            text = f"{again}Passphrase of the key {path}:"
            answer = await self.asker.ask(Question("passphrase", self.site, text, secret=True))
            if answer is None:
                break
        raise SignInRequired(
            f"{self.site}: the key {path} stayed locked. Connect again, or put it into ssh-agent."
        )

    def _changed(self, login: SshLogin, person: Person) -> HostKeyChanged:
        offered = person.offered.get_fingerprint() if person.offered else "of an unknown kind"
        return HostKeyChanged(
            f"{self.site}: {login.host}:{login.port} shows the host key {offered}, but "
            f"{person.pinned.get_fingerprint()} is pinned; nothing was sent. Ask the site whether "
            "its key has changed; if so, connect it anew."
        )

    def _denied(self, login: SshLogin, person: Person, stale: Certificate | None) -> SignInRequired:
        where = f"{login.user}@{login.host}"
        if stale is not None:
            return SignInRequired(f"{self.site}: {stale.problem(datetime.now(UTC))}.")
        if person.asked:
            what = "nobody answered its question" if person.silent else "the answer was refused"
            return SignInRequired(
                f"{self.site}: {where} did not let us in, as {what}. Wait for a fresh code, then "
                "connect again."
            )
        what = f"the key {login.key}" if login.key else "the keys of ssh-agent and ~/.ssh"
        return SignInRequired(
            f"{self.site}: {where} refuses {what}. Check the user name and that the key is known "
            f"there; if it is a certificate, it may have expired. {RENEW}."
        )


def unreached(error: BaseException) -> str:
    """What is said of a host and port that gave no connection."""
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
        return "is nowhere: no host has that name. Check it."
    why: object = error
    if isinstance(error, TimeoutError):
        why = "no answer within 20 s"
    elif isinstance(error, socket.gaierror):
        why = error.strerror
    elif isinstance(error, OSError) and error.errno:
        why = os.strerror(error.errno)
    return f"cannot be reached ({why}). Try again later."


def _read_pinned(site: str, line: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(line)
    except asyncssh.KeyImportError as error:
        raise HostKeyChanged(
            f"{site}: the host key in the profile is not one ({error}). Remove `host_key` from the "
            "profile and connect again: you are asked to confirm the key, and nothing was sent."
        ) from error


def _host_key_order(pinned: str) -> list[str]:
    """The pinned kind first, or a host with several keys would show another one."""
    kind = pinned.split()[0].removeprefix("ssh-")
    return sorted(HOST_KEYS, key=lambda name: kind not in name)
