"""The broker's Unix socket: requests in, answers and events out. Only its owner gets in."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import traceback
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from jupyter_continuum.broker.broker import Broker
from jupyter_continuum.broker.lines import LIMIT, decode, encode
from jupyter_continuum.broker.messages.methods import METHODS
from jupyter_continuum.errors import BrokerError, ContinuumError

BACKLOG_BYTES = 32 * 1024 * 1024
"""A face that reads nothing for so long is cut off."""
CLOSE_SECONDS = 5


class Server:
    """Serves any number of faces."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._server: asyncio.Server | None = None
        self._faces: set[asyncio.StreamWriter] = set()
        self._calls: set[asyncio.Task[None]] = set()
        """They go on when their face goes away: a launch is not half a launch."""

    async def start(self, path: Path) -> None:
        """Listen at ``path``. BrokerError when a broker answers there already."""
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            path.unlink(missing_ok=True)
        else:
            raise BrokerError(f"A broker answers at {path} already.")
        finally:
            probe.close()
        self._server = await asyncio.start_unix_server(self._face, path, limit=LIMIT)
        os.chmod(path, 0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait(self._calls, timeout=CLOSE_SECONDS)
        for face in self._faces:
            face.close()

    async def _face(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not _is_owner(writer):
            writer.close()
            return
        self._faces.add(writer)
        try:
            while line := await reader.readline():
                call = asyncio.create_task(self._call(line, writer))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
        except (ConnectionError, ValueError) as error:
            print(f"a face went away: {error}", flush=True)
        finally:
            self._faces.discard(writer)
            self._broker.face_gone(writer)
            writer.close()

    async def _call(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            message = decode(line)
            number = int(message.get("id", 0))
            result = await self._answer(message, writer)
            self._tell(writer, {"id": number, "result": _plain(result)})
        except ContinuumError as error:
            self._tell_error(writer, number, type(error).__name__, str(error))
        except Exception as error:  # the one place: a fault here must not end the broker
            traceback.print_exc()
            sentence = f"The broker failed at this ({type(error).__name__}). Its log says more."
            self._tell_error(writer, number, "BrokerError", sentence)

    async def _answer(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> Any:
        method = str(message.get("method"))
        if method not in METHODS:
            raise BrokerError(f"The broker has no method {method!r}. Restart it after an upgrade.")
        params = message.get("params") or {}
        try:
            if method in self._broker.methods:
                call = self._broker.methods[method](**params)
            else:
                return self._answer_face(method, writer, **params)
        except TypeError as error:
            raise BrokerError(f"{method} does not take these parameters: {error}.") from error
        return await call

    def _answer_face(self, method: str, face: asyncio.StreamWriter, name: str = "") -> Any:
        """What depends on who asks, done at once: a face that has gone holds nothing."""
        if face not in self._faces:
            raise BrokerError("Whoever asked has gone.")
        if method == "subscribe":
            self._broker.subscribe(face, lambda event: self._tell(face, _event(event)))
        elif method == "hold":
            self._broker.hold(face, name)
        elif method == "release":
            self._broker.release(face, name)
        return {}

    def _tell_error(
        self, writer: asyncio.StreamWriter, number: int, kind: str, message: str
    ) -> None:
        self._tell(writer, {"id": number, "error": {"kind": kind, "message": message}})

    def _tell(self, writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
        if writer.is_closing():
            return
        writer.write(encode(message))
        if writer.transport.get_write_buffer_size() > BACKLOG_BYTES:
            writer.transport.abort()


def _event(event: BaseModel) -> dict[str, Any]:
    return {"event": event.model_dump(mode="json")}


def _plain(result: Any) -> Any:
    """Models as JSON values."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, list):
        return [_plain(each) for each in result]
    return result


def _is_owner(writer: asyncio.StreamWriter) -> bool:
    """True when the other end runs as the same user; root of this machine is not kept out."""
    plug = writer.get_extra_info("socket")
    credentials = plug.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return user in (os.getuid(), 0)
