"""The exchange: local processes on one side, links on the other, streams spliced between.

A process beside the exchange connects to its Unix socket and sends one JSON line:

    {"dial": "lumi.1a2b3c4d:7"}                   -> {"ok": true}, then the raw stream
    {"listen": "lumi.1a2b3c4d:7", "path": "/…"}   -> {"ok": true}; kept open while it listens

A stream for a listener is delivered by connecting to its ``path``: nobody listens on a
network port.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from jupyter_continuum.relay import address as addresses
from jupyter_continuum.relay.frames import (
    Accepted,
    Data,
    Event,
    Finished,
    FrameError,
    Granted,
    Link,
    Opened,
    Reset,
    Said,
)
from jupyter_continuum.relay.splice import LocalPort, Port, StreamPort, tie

MAX_REQUEST = 4096


class LinkEnd(asyncio.Protocol):
    """One end of a link over an asyncio transport that may be lost and replaced."""

    def __init__(self, name: str, link: Link, exchange: Exchange) -> None:
        self.name = name
        self.site = name.partition(".")[0]
        self.link = link
        self.exchange = exchange
        self.session = ""
        self.joined = False
        """Until then the other end may say messages, and nothing else."""
        self.ports: dict[int, StreamPort] = {}
        self.dials: dict[int, LocalDial | RemoteDial] = {}
        self.last_received = 0.0
        self._transport: asyncio.Transport | None = None
        self._full = False

    @property
    def attached(self) -> bool:
        return self._transport is not None

    def attach(self, transport: asyncio.Transport, session: str, peer_received: int) -> None:
        """Go on over ``transport``, with what the other end has not received."""
        self.drop()
        self.session = session
        self.link.attach(peer_received)
        self.last_received = asyncio.get_running_loop().time()
        self._transport = transport
        transport.set_protocol(self)
        self.flush()

    def drop(self) -> None:
        """Let go of the transport; the link waits for another."""
        transport, self._transport = self._transport, None
        if transport is not None:
            self.link.detach()
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self.last_received = asyncio.get_running_loop().time()
        try:
            for event in self.link.receive(data):
                self.exchange.on_event(self, event)
        except FrameError as error:
            self.exchange.on_broken(self, str(error))
            return
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self.link.detach()
            self.exchange.on_link_lost(self, str(exc) if exc else "the other end closed it")

    def pause_writing(self) -> None:
        self._full = True
        for port in self.ports.values():
            if port.peer is not None:
                port.peer.hold()

    def resume_writing(self) -> None:
        self._full = False
        for port in self.ports.values():
            if port.peer is not None:
                port.peer.release()

    def flush(self) -> None:
        out = self.link.take()
        if out and self._transport is not None:
            self._transport.writelines(out)

    def add(self, stream: int) -> StreamPort:
        port = StreamPort(self, stream)
        self.ports[stream] = port
        return port

    def forget(self, stream: int) -> None:
        self.ports.pop(stream, None)


class LocalDial:
    """A local process waits for the other exchange to accept its dial."""

    def __init__(self, port: LocalPort) -> None:
        self.port = port

    def accepted(self, stream: StreamPort) -> None:
        tie(self.port, stream)
        self.port.write(b'{"ok": true}\n')
        self.port.release()

    def refused(self, reason: str) -> None:
        refuse(self.port, reason)


class RemoteDial:
    """Another link's stream waits for this link to accept it."""

    def __init__(self, end: LinkEnd, stream: int) -> None:
        self.end, self.stream = end, stream

    def accepted(self, stream: StreamPort) -> None:
        if not self.end.link.is_open(self.stream):
            stream.abort("the dialler went away")
            return
        port = self.end.add(self.stream)
        tie(port, stream)
        self.end.link.accept(self.stream)
        self.end.flush()

    def refused(self, reason: str) -> None:
        self.end.link.reset(self.stream, reason)
        self.end.flush()


def refuse(port: LocalPort, reason: str) -> None:
    """Answer a local request with a sentence, and close."""
    port.write(json.dumps({"error": reason}).encode() + b"\n")
    port.abort(reason)


class Exchange:
    """Where streams are spliced. ``hub`` and ``gateway`` decide who may reach whom."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.listeners: dict[str, str] = {}
        """Address without ``@host`` -> Unix socket path."""
        self.remote_listeners: dict[str, set[str]] = {}
        """Link name -> addresses that the other end announced."""
        self.bytes: dict[tuple[str, str], int] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # For hub and gateway -------------------------------------------------------------

    def link_to(self, target: addresses.Address) -> LinkEnd | None:
        """The link that leads to ``target``, if any."""
        raise NotImplementedError

    def may_listen(self, address: addresses.Address) -> bool:
        """True when a local process may listen as ``address``."""
        raise NotImplementedError

    def may_dial(self, end: LinkEnd, target: addresses.Address) -> str:
        """Why the other end of ``end`` may not dial ``target``; "" when it may."""
        raise NotImplementedError

    def on_listen(self, address: str, listening: bool) -> None:
        """A local process began or ceased to listen."""

    def on_message(self, end: LinkEnd, message: dict[str, Any]) -> None:
        """The other exchange said something that is not about listeners."""

    def on_link_lost(self, end: LinkEnd, reason: str) -> None:
        """The pipe under a link broke."""

    # Local processes -------------------------------------------------------------------

    async def serve(self, path: Path) -> None:
        """Take requests of local processes at ``path``."""
        loop = asyncio.get_running_loop()
        path.unlink(missing_ok=True)
        self._server = await loop.create_unix_server(self._local, path)
        os.chmod(path, 0o600)

    async def close(self) -> None:
        """Stop serving; streams under way are cut."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _local(self) -> LocalPort:
        buffer = bytearray()

        def early(port: LocalPort, data: bytes) -> None:
            buffer.extend(data)
            line, found, rest = bytes(buffer).partition(b"\n")
            if found:
                self._request(port, line, rest)
            elif len(buffer) > MAX_REQUEST:
                refuse(port, "the request is too long")

        return LocalPort(self.site, self.count, on_early=early)

    def _request(self, port: LocalPort, line: bytes, rest: bytes) -> None:
        try:
            request = json.loads(line)
            text = request.get("dial") or request["listen"]
            target = addresses.parse(text)
        except (ValueError, KeyError, TypeError, AttributeError):
            refuse(port, "the request is not understood")
            return
        if "listen" in request:
            self._listen(port, target, str(request.get("path", "")))
        elif rest:
            refuse(port, "bytes came before the dial was answered")
        else:
            self._dial(port, target)

    def _listen(self, port: LocalPort, address: addresses.Address, path: str) -> None:
        key = routing_key(address)
        if not self.may_listen(address):
            refuse(port, f"nobody may listen as {address} here")
        elif key in self.listeners:
            refuse(port, f"somebody listens as {key} already")
        else:
            self.listeners[key] = path
            self.on_listen(key, True)
            port.on_lost = lambda _: self._unlisten(key)
            port.on_early = None
            port.write(b'{"ok": true}\n')

    def _unlisten(self, key: str) -> None:
        if self.listeners.pop(key, None) is not None:
            self.on_listen(key, False)

    def _dial(self, port: LocalPort, target: addresses.Address) -> None:
        port.hold()
        path = self.listeners.get(routing_key(target))
        if path is not None:
            self._spawn(self._dial_local(port, path, target))
            return
        end = self.link_to(target)
        if end is None:
            refuse(port, f"nobody listens as {target}")
            return
        stream = end.link.open(str(target))
        end.dials[stream] = LocalDial(port)
        port.on_lost = lambda _: self._hang_up(end, stream)
        end.flush()

    def _hang_up(self, end: LinkEnd, stream: int) -> None:
        """The dialling process went away before it was answered."""
        if end.dials.pop(stream, None) is not None:
            end.link.reset(stream, "the dialler went away")
            end.flush()

    async def _dial_local(self, port: LocalPort, path: str, target: addresses.Address) -> None:
        try:
            other = await self._connect(path)
        except OSError as error:
            refuse(port, f"{target} does not answer: {error.strerror or error}")
            return
        port.write(b'{"ok": true}\n')
        tie(port, other)
        other.release()
        port.release()

    # Links -----------------------------------------------------------------------------

    def on_event(self, end: LinkEnd, event: Event) -> None:
        """What the other exchange did."""
        match event:
            case Data(stream, payload):
                port = end.ports.get(stream)
                if port is not None:
                    if port.peer is not None:
                        self.count(end.site, port.peer.side, len(payload))
                    port.received(payload)
            case Granted(stream):
                port = end.ports.get(stream)
                if port is not None:
                    port.granted()
            case Opened(stream, to):
                self._opened(end, stream, to)
            case Accepted(stream):
                dial = end.dials.pop(stream, None)
                if dial is not None:
                    dial.accepted(end.add(stream))
            case Finished(stream):
                port = end.ports.get(stream)
                if port is not None and port.peer is not None:
                    port.peer.finish()
                if not end.link.is_open(stream):
                    end.forget(stream)
            case Reset(stream, reason):
                self._reset(end, stream, reason)
            case Said(message):
                self._said(end, message)

    def on_broken(self, end: LinkEnd, reason: str) -> None:
        """The link broke its rules, or will not come back: all its streams end."""
        end.drop()
        for event in end.link.abandon():
            if isinstance(event, Reset):
                self._reset(end, event.stream, reason)
        self.remote_listeners.pop(end.name, None)

    def count(self, source: str, target: str, amount: int) -> None:
        """Count bytes that pass from one site to another."""
        key = (source, target)
        self.bytes[key] = self.bytes.get(key, 0) + amount

    def _opened(self, end: LinkEnd, stream: int, to: str) -> None:
        try:
            target = addresses.parse(to)
        except ValueError as error:
            reason = str(error)
        else:
            reason = self.may_dial(end, target)
        if reason:
            end.link.reset(stream, reason)
            return
        path = self.listeners.get(routing_key(target))
        if path is not None:
            self._spawn(self._deliver(end, stream, path))
            return
        onward = self.link_to(target)
        if onward is None or onward is end:
            end.link.reset(stream, f"nobody listens as {target}")
            return
        next_stream = onward.link.open(str(target))
        onward.dials[next_stream] = RemoteDial(end, stream)
        onward.flush()

    async def _deliver(self, end: LinkEnd, stream: int, path: str) -> None:
        try:
            port = await self._connect(path)
        except OSError as error:
            end.link.reset(stream, f"the listener does not answer: {error.strerror or error}")
        else:
            if end.link.is_open(stream):
                tie(port, end.add(stream))
                end.link.accept(stream)
                port.release()
            else:
                port.abort("the dialler went away")
        end.flush()

    def _reset(self, end: LinkEnd, stream: int, reason: str) -> None:
        dial = end.dials.pop(stream, None)
        if dial is not None:
            dial.refused(reason)
        port = end.ports.pop(stream, None)
        if port is not None and port.peer is not None:
            peer: Port = port.peer
            port.peer = peer.peer = None
            peer.abort(reason)

    def _said(self, end: LinkEnd, message: dict[str, Any]) -> None:
        address = message.get("listening") or message.get("ceased")
        if not address:
            self.on_message(end, message)
            return
        known = self.remote_listeners.setdefault(end.name, set())
        if "ceased" in message:
            known.discard(str(address))
        elif end.joined and str(address).startswith(end.name + ":"):
            known.add(str(address))

    async def _connect(self, path: str) -> LocalPort:
        """A port to a listener's Unix socket, held until it is tied."""
        loop = asyncio.get_running_loop()
        plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        plug.setblocking(False)
        try:
            await loop.sock_connect(plug, path)
        except BaseException:
            plug.close()
            raise
        _, port = await loop.create_unix_connection(
            lambda: LocalPort(self.site, self.count), sock=plug
        )
        port.hold()
        return port

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def routing_key(address: addresses.Address) -> str:
    """The address without its TCP host: what exchanges route by."""
    return f"{address.exchange}:{address.number}"
