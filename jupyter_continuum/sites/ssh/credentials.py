"""The certificates that a login may use: in files, and in the person's ssh-agent."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncssh

from jupyter_continuum.errors import SignInRequired
from jupyter_continuum.sites.credential import Credential
from jupyter_continuum.sites.profile import SshLogin
from jupyter_continuum.sites.ssh.certificate import (
    RENEW,
    Certificate,
    certificate_beside,
    inspect_certificate,
    parse_certificate,
)

AGENT_SECONDS = 2
FAR = datetime.max.replace(tzinfo=UTC)


async def credentials_of(login: SshLogin) -> tuple[Credential, ...]:
    """Of the login node and its jump hosts; those without a certificate add none."""
    found = [each for hop in (*login.jump, login) for each in await _of_hop(hop)]
    return tuple(dict.fromkeys(found))


async def _of_hop(login: SshLogin) -> list[Credential]:
    if login.key is not None:
        key = Path(login.key).expanduser()
        named = Path(login.certificate).expanduser() if login.certificate else None
        path = named or certificate_beside(key)
        return [] if path is None else [await asyncio.to_thread(_in_file, path)]
    usual = await asyncio.to_thread(lambda: [*_usual_certificates()])
    fitting = [
        each
        for each in (*usual, *(await _in_agent() if login.use_agent else ()))
        if not each.principals or login.user in each.principals
    ]
    # Any one of them opens the door: the one that does so longest is what counts.
    best = max(fitting, key=lambda each: each.valid_before or FAR, default=None)
    return [] if best is None else [_as_credential(best)]


def _in_file(path: Path) -> Credential:
    try:
        return _as_credential(inspect_certificate(path))
    except SignInRequired as error:
        return Credential(f"certificate {path}", note=str(error))


def _as_credential(found: Certificate) -> Credential:
    name = f"certificate {found.path}"
    if found.valid_before is None:
        return Credential(name, note=f"The {name} is valid for ever.")
    return Credential(name, found.valid_after, found.valid_before, f"{RENEW}.")


def _usual_certificates() -> Iterator[Certificate]:
    """Beside the keys that are tried when none is named."""
    for path in sorted((Path.home() / ".ssh").glob("id_*-cert.pub")):
        with contextlib.suppress(SignInRequired):  # no login uses it either
            yield inspect_certificate(path)


async def _in_agent() -> list[Certificate]:
    try:
        async with asyncio.timeout(AGENT_SECONDS):
            agent = await asyncssh.connect_agent()
            try:
                keys = await agent.get_keys()
            finally:
                agent.close()
                await agent.wait_closed()
    except (OSError, TimeoutError, ValueError, asyncssh.Error):
        return []  # without an agent there is nothing to tell: logging in says what it lacks
    return [*_readable(key for key in keys if key.has_cert)]


def _readable(keys: Iterable[asyncssh.SSHKeyPair]) -> Iterator[Certificate]:
    for key in keys:
        line = b"%s %s" % (key.get_algorithm().encode(), base64.b64encode(key.public_data))
        with contextlib.suppress(SignInRequired):  # of a kind that nobody here can read
            yield parse_certificate(line, Path(f"{key.get_comment()!r} of ssh-agent"))
