"""One command over SSH; what ends it early here ends it there, with all that it has started.

sshd ends nothing when a channel closes. It passes a signal on to the command's process group,
from OpenSSH 8.1 on and not for forced commands. Where that does not do, a second session ends
the group: the command has told its number first.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import shlex

import asyncssh

from jupyter_continuum.errors import SiteError
from jupyter_continuum.sites.finish import finish
from jupyter_continuum.sites.protocols import CommandResult

OUTPUT_LIMIT = 16 * 2**20
SIGNAL_SECONDS = 1.0
END_SECONDS = 5.0
"""A line that carries nothing any more holds nobody up for longer."""
END = """
group=$(ps -o pgid= -p %(number)s 2>/dev/null | tr -d ' ')
group=${group:-%(number)s}
[ "$group" -gt 1 ] || exit 1
kill -s TERM -- "-$group" 2>/dev/null
n=0
while kill -s 0 -- "-$group" 2>/dev/null && [ $n -lt 40 ]; do
  n=$((n + 1))
  [ $n -lt 20 ] || kill -s KILL -- "-$group" 2>/dev/null
  sleep 0.1
done
"""
"""A wrapper of the site's may have put the command into a group of another number."""


class Command:
    """A POSIX shell command on its way through one connection."""

    def __init__(
        self, ssh: asyncssh.SSHClientConnection, site: str, text: str, input: bytes
    ) -> None:
        mark = f"jc-group-{secrets.token_hex(8)}"
        told = shlex.quote(f'echo "{mark} $$" >&2; {text}')
        # The account's shell may be csh or fish: hand the line on to a POSIX one.
        self._line = f"exec /bin/sh -c {told}"
        self._mark = re.compile(rf"{mark} (\d{{1,10}})\n".encode())
        self._ssh = ssh
        self._site = site
        self._input = input
        self._number = b""
        self._begun = asyncio.Event()
        self._process: asyncssh.SSHClientProcess[bytes] | None = None

    async def run(self) -> CommandResult:
        """Raises what asyncssh raises, and SiteError when it prints too much."""
        work = asyncio.create_task(self._work())
        try:
            # Shielded: an end that comes while the channel opens must still find the command.
            return await asyncio.shield(work)
        except BaseException:
            await finish(self._end(work))
            raise

    async def _work(self) -> CommandResult:
        process = self._process = await self._ssh.create_process(self._line, encoding=None)
        # A command may end without reading its input: its status says why.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(self._input)
            process.stdin.write_eof()
        stdout, stderr = await asyncio.gather(
            self._read(process.stdout), self._read(process.stderr)
        )
        await process.wait_closed()
        status = process.exit_status
        if status is None and process.exit_signal is None:
            raise asyncssh.ConnectionLost("")
        return CommandResult(
            255 if status is None or status < 0 else status,
            stdout.decode(errors="replace"),
            self._mark.sub(b"", stderr, count=1).decode(errors="replace"),
        )

    async def _read(self, stream: asyncssh.SSHReader[bytes]) -> bytes:
        found = bytearray()
        while part := await stream.read(2**16):
            found += part
            if len(found) > OUTPUT_LIMIT:
                raise SiteError(f"{self._site}: a command printed more than 16 MiB.")
            if not self._number and (told := self._mark.search(found)):
                self._number = told[1]
                self._begun.set()
        return bytes(found)

    async def _end(self, work: asyncio.Task[CommandResult]) -> None:
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._end_there(work)
        except (TimeoutError, OSError, asyncssh.Error) as error:
            print(f"{self._site}: what was stopped may go on there ({error!r})", flush=True)
        finally:
            work.cancel()
            await asyncio.wait([work])
            if self._process is not None:
                self._process.close()

    async def _end_there(self, work: asyncio.Task[CommandResult]) -> None:
        begun = asyncio.create_task(self._begun.wait())
        try:
            await asyncio.wait([work, begun], return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
        if self._process is None or self._ssh.is_closed():
            return  # it never began, or nobody is there to be asked
        self._process.terminate()
        await asyncio.wait([work], timeout=SIGNAL_SECONDS)
        if not work.done() or work.exception():
            text = END % {"number": self._number.decode()}
            await self._ssh.run(f"exec /bin/sh -c {shlex.quote(text)}", encoding=None)
