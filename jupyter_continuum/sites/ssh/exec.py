"""Carrier ``ssh-exec``: a relay program that SSH runs on a login node which denies forwarding.

One channel a site carries all ways to its agents: a login node allows ten sessions, and
frees them late. The program ends with the channel, and the channel with the last way.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from jupyter_continuum.errors import CarrierDenied, SiteError, SiteUnreachable
from jupyter_continuum.sites.protocols import Endpoint, Forward
from jupyter_continuum.sites.ssh import exec_relay
from jupyter_continuum.sites.ssh.exec_relay import BEAT_SECONDS, DIAL_SECONDS, READY, FrameError
from jupyter_continuum.sites.ssh.exec_streams import ExecStream, ExecStreams, Session
from jupyter_continuum.sites.ssh.forward import PACKET, WINDOW, open_forward

START_SECONDS = 30
"""A login node under load starts an interpreter slowly."""
ANSWER_SECONDS = DIAL_SECONDS + 10
CHATTER_BYTES = 4096
"""Kept of what a login shell says before the relay program says that it is ready."""
NO_PYTHON = 127
OLDEST = (3, 6)

BOOT = (
    "import os,sys\n"
    "text=b''\n"
    "while len(text)<{size}: text+=os.read(0,{size}-len(text)) or sys.exit(1)\n"
    "exec(compile(text,'exec_relay','exec'))"
)
"""The program comes on standard input: what `ps` shows on the login node stays short."""


def start_command(python: str, size: int) -> str:
    """Shell text that runs ``size`` bytes of program with the first interpreter that can."""
    new_enough = shlex.quote(f"import sys; sys.exit(sys.version_info < {OLDEST})")
    boot = shlex.quote(BOOT.format(size=size))
    names = " ".join(dict.fromkeys(("python3", shlex.quote(python))))
    script = (
        f"for python in {names}; do "
        f'"$python" -IS -c {new_enough} </dev/null >/dev/null 2>&1 && '
        f'exec "$python" -IS -c {boot}; done; exit {NO_PYTHON}'
    )
    # The account's shell may be csh or fish: hand the line on to a POSIX one.
    return f"exec /bin/sh -c {shlex.quote(script)}"


class _Channel(asyncssh.SSHClientSession[bytes]):
    """The channel whose far end is the relay program."""

    def __init__(self) -> None:
        self.streams = ExecStreams(self._write)
        self.status: int | None = None
        self.gone = asyncio.Event()
        self._words = b""
        """The last it said that was for a person."""
        self._running: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._chan: asyncssh.SSHClientChannel[bytes] | None = None
        self._beat: asyncio.TimerHandle | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._chan = chan

    async def run(self, program: bytes) -> bool:
        """True once it runs, False when it has ended instead."""
        self._write(program)
        return await self._running

    @property
    def running(self) -> bool:
        return self._running.done() and not self.gone.is_set()

    @property
    def words(self) -> str:
        """The last line it said that was for a person."""
        lines = self._words.decode(errors="replace").split("\n")
        printable = ("".join(sign for sign in line if sign.isprintable()) for line in lines)
        return next((line.strip()[:200] for line in [*printable][::-1] if line.strip()), "")

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is None and self._running.done():
            self._feed(data)
            return
        before, ready, after = (self._words + data).partition(READY)
        self._words = before[-CHATTER_BYTES:]
        if ready and datatype is None:
            self._running.set_result(True)
            self._keep_beating()
            self._feed(after)

    def _feed(self, data: bytes) -> None:
        try:
            self.streams.feed(data)
        except FrameError as error:
            self.streams.lose(f"the relay program on the login node broke its rules: {error}")
            self.close()

    def exit_status_received(self, status: int) -> None:
        self.status = status

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._beat is not None:
            self._beat.cancel()
        self.gone.set()
        if not self._running.done():
            self._running.set_result(False)
        self.streams.lose("the relay program on the login node has ended")

    def pause_writing(self) -> None:
        self.streams.regulate(full=True)

    def resume_writing(self) -> None:
        self.streams.regulate(full=False)

    def _write(self, data: bytes) -> None:
        if self._chan is not None and not self._chan.is_closing():
            self._chan.write(data)

    def _keep_beating(self) -> None:
        self.streams.beat()
        self._beat = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._keep_beating)

    def close(self) -> None:
        """The program sees the end of its input, and ends too."""
        self.gone.set()
        if self._chan is not None:
            self._chan.abort()


class _Trial:
    """Nobody: a stream that is opened to see whether it can be."""

    def connection_made(self, chan: Any) -> None: ...
    def data_received(self, data: bytes | memoryview, datatype: int | None) -> None: ...
    def eof_received(self) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """A forward, and the relay program that ends with the last of them."""

    path: Path
    forward: Forward
    relay: ExecRelay

    async def close(self) -> None:
        await self.forward.close()
        self.relay.release(self)


class ExecRelay:
    """The relay program of one site: started for the first way, ended with the last."""

    def __init__(
        self, site: str, python: str, connection: Callable[[], asyncssh.SSHClientConnection]
    ) -> None:
        """``python`` is tried where the login node has no ``python3``."""
        self._site = site
        self._python = python
        self._connection = connection
        self._channel: _Channel | None = None
        self._starting = asyncio.Lock()
        self._opening = 0
        self._ways: set[_Way] = set()

    async def forward(self, endpoint: Endpoint, path: Path) -> Forward:
        """Open a way after one trial connection, so that a refusal is an error here and now."""

        async def open_stream(session: Callable[[], Session]) -> Any:
            return await self._dial(endpoint, session())

        self._opening += 1
        try:
            (await self._dial(endpoint, _Trial())).close()
            way = _Way(path, await open_forward(open_stream, path), self)
            self._ways.add(way)
        finally:
            self._opening -= 1
            self._end_if_unused()
        return way

    def release(self, way: _Way) -> None:
        """A way was closed."""
        self._ways.discard(way)
        self._end_if_unused()

    async def close(self) -> None:
        for way in tuple(self._ways):
            await way.close()

    def _end_if_unused(self) -> None:
        if self._channel is not None and not self._ways and not self._opening:
            self._channel.close()
            self._channel = None

    async def _dial(self, endpoint: Endpoint, session: Session) -> ExecStream:
        channel = await self._started()
        where = endpoint.path or f"{endpoint.host}:{endpoint.port}"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await channel.streams.open(endpoint, session)
        except SiteUnreachable as error:
            raise SiteUnreachable(f"{self._site}: nobody answers at {where} ({error}).") from None
        except TimeoutError:
            raise SiteUnreachable(
                f"{self._site}: no answer from {where} within {ANSWER_SECONDS} s."
            ) from None

    async def _started(self) -> _Channel:
        async with self._starting:
            if self._channel is None or self._channel.gone.is_set():
                self._channel = await self._start()
            return self._channel

    async def _start(self) -> _Channel:
        program = Path(exec_relay.__file__).read_bytes()
        command = start_command(self._python, len(program))
        channel = _Channel()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._connection().create_session(
                    lambda: channel, command, encoding=None, window=WINDOW, max_pktsize=PACKET
                )
                if await channel.run(program):
                    return channel
        except asyncssh.ChannelOpenError as error:
            raise SiteUnreachable(
                f"{self._site}: the login node opens no more sessions ({error.reason})."
            ) from None
        except TimeoutError:
            raise SiteUnreachable(
                f"{self._site}: the login node did not start the relay program within "
                f"{START_SECONDS} s."
            ) from None
        except (OSError, asyncssh.Error) as error:
            raise SiteUnreachable(f"{self._site}: the connection was lost ({error}).") from None
        finally:
            if not channel.running:
                channel.close()
        raise self._not_started(channel)

    def _not_started(self, channel: _Channel) -> SiteError:
        if channel.status is None:
            return SiteUnreachable(f"{self._site}: the connection was lost.")
        if channel.status == NO_PYTHON:
            tried = " and ".join(dict.fromkeys(("python3", self._python)))
            return CarrierDenied(
                f"{self._site}: the login node has no Python {OLDEST[0]}.{OLDEST[1]} or newer "
                f"({tried} was tried), so the relay program cannot run there."
            )
        said = f": {channel.words}" if channel.words else ""
        return CarrierDenied(
            f"{self._site}: the login node does not run the relay program "
            f"(exit {channel.status}{said})."
        )
