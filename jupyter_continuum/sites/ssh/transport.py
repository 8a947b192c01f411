"""Shell over SSH: one login, kept, for commands and for byte streams."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncssh

from jupyter_continuum.errors import CarrierDenied, SiteUnreachable
from jupyter_continuum.sites.credential import Credential
from jupyter_continuum.sites.dialled import DialledCarrier
from jupyter_continuum.sites.files import FileEntry, RemoteFile
from jupyter_continuum.sites.profile import SshLogin
from jupyter_continuum.sites.protocols import (
    Asker,
    Carrier,
    CarrierName,
    CommandResult,
    Endpoint,
)
from jupyter_continuum.sites.ssh.command import Command
from jupyter_continuum.sites.ssh.credentials import credentials_of
from jupyter_continuum.sites.ssh.exec import ExecRelay
from jupyter_continuum.sites.ssh.files import SftpFiles
from jupyter_continuum.sites.ssh.forward import SshForward, direct, open_forward
from jupyter_continuum.sites.ssh.login import Connection, SignIn

AT_ONCE = 4
"""OpenSSH's MaxSessions is 10, and slots free late: 8 at once already hit it."""
OPEN_SECONDS = 20


class SshTransport:
    """One SSH connection to a login node, opened when asked for and shared by all."""

    def __init__(
        self,
        login: SshLogin,
        site: str,
        asker: Asker,
        pin: Callable[[str], None],
        pin_jump: Callable[[SshLogin, str], None] = lambda hop, line: None,
        python: str = "python3",
    ) -> None:
        """``pin`` keeps the host key line a person confirmed, ``pin_jump`` that of a jump host.

        ``python`` is an interpreter at the site, for a login node that has no ``python3``.
        """
        self._login = login
        self._site = site
        self._asker = asker
        self._pin = pin
        self._pin_jump = pin_jump
        self._connection: Connection | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._relay = ExecRelay(site, python, lambda: self._open_connection().ssh)
        self._files = SftpFiles(site, lambda: self._open_connection().ssh)
        self._forwards: weakref.WeakSet[SshForward] = weakref.WeakSet()

    @property
    def connected(self) -> bool:
        return self._connection is not None and not self._connection.lost.is_set()

    async def connect(self) -> None:
        """Callers at the same time share one attempt, so a person is asked once."""
        if self.connected:
            return
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._open(), name=f"sign-in {self._site}")
        # Shielded: one caller that gives up does not take the others' prompt away.
        await asyncio.shield(self._attempt)

    async def _open(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
        self._connection = await SignIn(self._login, self._site, self._asker, self._remember).open()

    def _remember(self, hop: SshLogin, line: str) -> None:
        """Keep a confirmed host key: for this transport's next attempt, and by ``pin`` for good."""
        if hop == self._login:
            self._login = hop.model_copy(update={"host_key": line})
            self._pin(line)
            return
        jump = tuple(
            one.model_copy(update={"host_key": line}) if one == hop else one
            for one in self._login.jump
        )
        self._login = self._login.model_copy(update={"jump": jump})
        self._pin_jump(hop, line)

    async def credentials(self) -> tuple[Credential, ...]:
        return await credentials_of(self._login)

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        return (
            DialledCarrier(CarrierName.FORWARD, self.forward),
            DialledCarrier(CarrierName.EXEC, self._relay.forward),
        )

    async def run(
        self, command: str, *, input: bytes = b"", timeout_seconds: float = 60
    ) -> CommandResult:
        async with self._slots:
            ssh = self._open_connection().ssh
            try:
                async with asyncio.timeout(timeout_seconds):
                    return await Command(ssh, self._site, command, input).run()
            except TimeoutError:
                raise SiteUnreachable(
                    f"{self._site}: no answer within {timeout_seconds:.0f} s. Try again later."
                ) from None
            except asyncssh.ChannelOpenError as error:
                raise SiteUnreachable(
                    f"{self._site}: the login node opens no more sessions ({error.reason}). "
                    "Try again later."
                ) from None
            except (OSError, asyncssh.Error) as error:
                raise self._lost(error) from None

    async def list_files(self, path: str) -> Sequence[FileEntry]:
        return await self._files.list_files(path)

    def open_file(self, path: str) -> AbstractAsyncContextManager[RemoteFile]:
        return self._files.open_file(path)

    async def forward(self, endpoint: Endpoint, path: Path) -> SshForward:
        """Open a way after one trial connection, so that a refusal is an error here and now."""
        ssh = self._open_connection().ssh
        where = endpoint.path or f"{endpoint.host}:{endpoint.port}"
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._try(ssh, endpoint)
                forward = await open_forward(direct(ssh, endpoint), path)
        except asyncssh.ChannelOpenError as error:
            if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
                raise CarrierDenied(
                    f"{self._site}: the login node denies forwarding ({error.reason})."
                ) from None
            raise SiteUnreachable(
                f"{self._site}: nobody answers at {where} ({error.reason})."
            ) from None
        except TimeoutError:
            raise SiteUnreachable(f"{self._site}: no answer from {where} within 20 s.") from None
        except (OSError, asyncssh.Error) as error:
            raise self._lost(error) from None
        self._forwards.add(forward)
        return forward

    async def _try(self, ssh: asyncssh.SSHClientConnection, endpoint: Endpoint) -> None:
        if endpoint.path:
            _, writer = await ssh.open_unix_connection(endpoint.path, encoding=None)
        else:
            _, writer = await ssh.open_connection(endpoint.host, endpoint.port, encoding=None)
        writer.close()

    @asynccontextmanager
    async def lend_port(self, greeting: bytes) -> AsyncIterator[int]:
        """See LendsPort. With ``GatewayPorts no`` sshd binds to loopback and reports success."""
        ssh = self._open_connection().ssh

        def greet(reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
            writer.write(greeting)
            writer.write_eof()

        try:
            async with asyncio.timeout(OPEN_SECONDS):
                listener = await ssh.start_server(
                    lambda host, port: greet, "0.0.0.0", 0, encoding=None
                )
        except asyncssh.ChannelListenError as error:
            raise CarrierDenied(f"{self._site}: the login node lends no port ({error}).") from None
        except TimeoutError:
            raise SiteUnreachable(f"{self._site}: no answer within {OPEN_SECONDS} s.") from None
        except (OSError, asyncssh.Error) as error:
            raise self._lost(error) from None
        async with listener:
            yield listener.get_port()

    def _open_connection(self) -> Connection:
        if self._connection is None or self._connection.lost.is_set():
            raise SiteUnreachable(f"{self._site}: not connected. Connect it again.")
        return self._connection

    def _lost(self, error: Exception | None) -> SiteUnreachable:
        why = f" ({error})" if error is not None and str(error) else ""
        return SiteUnreachable(f"{self._site}: the connection was lost{why}. Connect it again.")

    async def close(self) -> None:
        if self._attempt is not None and not self._attempt.done():
            self._attempt.cancel()
            await asyncio.wait([self._attempt])
        for forward in tuple(self._forwards):
            await forward.close()
        await self._relay.close()
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
