"""Files at a site over SFTP: one channel of the one connection, for all who read there."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncssh

from jupyter_continuum.errors import SiteError, SiteUnreachable
from jupyter_continuum.sites.files import MOST, FileEntry, Kind, check_link, no_file

ANSWER_SECONDS = 60
"""A parallel file system may take long to open a folder, and no login node takes longer."""
KINDS: dict[int, Kind] = {
    asyncssh.FILEXFER_TYPE_REGULAR: "file",
    asyncssh.FILEXFER_TYPE_DIRECTORY: "folder",
    asyncssh.FILEXFER_TYPE_SYMLINK: "link",
}


@dataclass(frozen=True, slots=True)
class SftpFile:
    file: Any  # asyncssh.SFTPClientFile, in binary mode
    files: SftpFiles
    path: str
    size: int
    version: str

    async def read(self, start: int, size: int) -> bytes:
        with self.files.sentences(self.path):
            async with asyncio.timeout(ANSWER_SECONDS):
                data = await self.file.read(size, start)
        return bytes(data)


class SftpFiles:
    """The channel is opened for the first who reads, and closed after the last."""

    def __init__(self, site: str, connection: Callable[[], asyncssh.SSHClientConnection]) -> None:
        self._site = site
        self._connection = connection
        self._opening = asyncio.Lock()
        self._client: asyncssh.SFTPClient | None = None
        self._rides_on: asyncssh.SSHClientConnection | None = None
        self._users = 0

    async def list_files(self, path: str) -> list[FileEntry]:
        found: list[FileEntry] = []
        with self.sentences(path):
            async with self._sftp() as sftp, asyncio.timeout(ANSWER_SECONDS):
                async for each in sftp.scandir(path or "."):
                    if each.filename not in (".", ".."):
                        found.append(_entry(str(each.filename), each.attrs))
                    if len(found) > MOST:
                        break
        return found

    @asynccontextmanager
    async def open_file(self, path: str) -> AsyncIterator[SftpFile]:
        async with self._sftp() as sftp:
            with self.sentences(path):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._check(sftp, path)
                    file = await sftp.open(path, "rb")
            try:
                with self.sentences(path):
                    attrs = await file.stat()
                size = attrs.size
                if size is None:
                    raise no_file(self._site, path, "the site does not tell its size")
                yield SftpFile(file, self, path, size, f"{size} {attrs.mtime}")
            finally:
                await self._put_away(file)

    async def _check(self, sftp: asyncssh.SFTPClient, path: str) -> None:
        """Before it is opened: a pipe would keep the site's server waiting for its other end."""
        if (await sftp.lstat(path)).type == asyncssh.FILEXFER_TYPE_SYMLINK:
            folder = str(await sftp.realpath(posixpath.dirname(path) or "."))
            check_link(self._site, path, folder, str(await sftp.realpath(path)))
        if (await sftp.stat(path)).type != asyncssh.FILEXFER_TYPE_REGULAR:
            raise no_file(self._site, path, "it is no file")

    async def _put_away(self, file: asyncssh.SFTPClientFile) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await file.close()
        except (TimeoutError, OSError, asyncssh.Error):
            return  # the connection is gone, and the file with it

    @asynccontextmanager
    async def _sftp(self) -> AsyncIterator[asyncssh.SFTPClient]:
        self._users += 1
        try:
            async with self._opening:
                ssh = self._connection()
                if self._client is None or self._rides_on is not ssh:
                    self._client = await self._start(ssh)
                    self._rides_on = ssh
            yield self._client
        finally:
            self._users -= 1
            if not self._users and self._client is not None:
                client, self._client = self._client, None
                client.exit()

    async def _start(self, ssh: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await ssh.start_sftp_client(path_errors="backslashreplace")
        except asyncssh.ChannelOpenError as error:
            raise SiteUnreachable(
                f"{self._site}: the login node opens no more sessions ({error.reason}). "
                "Try again later."
            ) from None
        except TimeoutError:
            raise SiteUnreachable(f"{self._site}: no answer. Try again later.") from None
        except (OSError, asyncssh.Error) as error:
            raise SiteError(
                f"{self._site}: the login node serves no files over SFTP ({error}). "
                "Read them with a task of a cluster there."
            ) from None

    def sentences(self, path: str) -> _Sentences:
        return _Sentences(self._site, path)


@dataclass(frozen=True, slots=True)
class _Sentences:
    """What SFTP says of a path, as an error of ours."""

    site: str
    path: str

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
            raise SiteUnreachable(f"{self.site}: the connection was lost. Connect it again.")
        if isinstance(error, asyncssh.SFTPError):
            raise no_file(self.site, self.path, error.reason) from error
        if isinstance(error, TimeoutError):
            raise SiteUnreachable(f"{self.site}: no answer. Try again later.") from error
        if isinstance(error, OSError | asyncssh.Error):
            raise SiteUnreachable(f"{self.site}: the connection was lost. Connect it again.")


def _entry(name: str, attrs: asyncssh.SFTPAttrs) -> FileEntry:
    kind = KINDS.get(attrs.type, "other")
    changed = None if attrs.mtime is None else datetime.fromtimestamp(attrs.mtime, UTC)
    return FileEntry(name, kind, attrs.size if kind == "file" else None, changed)
