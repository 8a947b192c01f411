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
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from jupyter_continuum.relay import address as addresses
from jupyter_continuum.relay.ends import LinkEnd, LocalDial, RemoteDial, refuse
from jupyter_continuum.relay.frames import (
    Accepted,
    Data,
    Event,
    Finished,
    Granted,
    Opened,
    Reset,
    Said,
)
from jupyter_continuum.relay.pipe import Door, dial_unix, keep_freed_memory, listen_unix
from jupyter_continuum.relay.splice import LocalPort, tie, untie

MAX_REQUEST = 4096
OK = b'{"ok": true}\n'


class Exchange:
    """Where streams are spliced. ``hub`` and ``gateway`` decide who may reach whom."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.listeners: dict[str, str] = {}
        """Address without ``@host`` -> Unix socket path."""
        self.remote_listeners: dict[str, set[str]] = {}
        """Link name -> addresses that the other end announced."""
        self.gone: set[str] = set()
        """Addresses of workers that have listened, and of which each successor has another."""
        self.bytes: dict[tuple[str, str], int] = {}
        self.local_ports: set[LocalPort] = set()
        """Open connections of processes beside this exchange."""
        self._desk: Door | None = None
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

    def serve(self, path: Path) -> None:
        """Take requests of local processes at ``path``."""
        keep_freed_memory()
        path.unlink(missing_ok=True)
        self._desk = Door(listen_unix(path), self._local)

    async def close(self) -> None:
        """Stop serving; streams under way are cut."""
        if self._desk is not None:
            self._desk.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for port in list(self.local_ports):
            port.abort("the exchange ends")

    def _local(self, plug: socket.socket) -> None:
        buffer = bytearray()

        def early(port: LocalPort, data: bytes) -> None:
            buffer.extend(data)
            line, found, rest = bytes(buffer).partition(b"\n")
            if len(line) > MAX_REQUEST:
                refuse(port, "the request is too long")
            elif rest:
                refuse(port, "bytes came before the request was answered")
            elif found:
                port.on_early = _too_early
                self._request(port, line)

        self._port(plug).on_early = early

    def _port(self, plug: socket.socket) -> LocalPort:
        return LocalPort(plug, self.site, count=self.count, ports=self.local_ports)

    def _request(self, port: LocalPort, line: bytes) -> None:
        try:
            request = json.loads(line)
            target = addresses.parse(request.get("dial") or request["listen"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            refuse(port, "the request is not understood")
            return
        if "listen" in request:
            self._listen(port, target, str(request.get("path", "")))
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
            self.gone.discard(key)
            port.on_gone = lambda: self._unlisten(key)
            port.write(OK)
            self.on_listen(key, True)

    def _unlisten(self, key: str) -> None:
        del self.listeners[key]
        if self.site != addresses.HOME:  # there the scheduler is, always at the same
            self.gone.add(key)
        self.on_listen(key, False)

    def _dial(self, port: LocalPort, target: addresses.Address) -> None:
        path = self.listeners.get(routing_key(target))
        if path is not None:
            self._spawn(self._dial_local(port, path, target))
            return
        end = self.link_to(target)
        if end is None:
            refuse(port, self._nobody(target))
            return
        try:
            stream = end.link.open(str(target))
        except ValueError as error:
            refuse(port, str(error))
            return
        end.dials[stream] = LocalDial(port)
        port.on_gone = lambda: self._hang_up(end, stream)
        end.flush()

    def _hang_up(self, end: LinkEnd, stream: int) -> None:
        """Who dialled went away before there was an answer."""
        if end.dials.pop(stream, None) is not None:
            end.refuse(stream, "the dialler went away")

    async def _dial_local(self, port: LocalPort, path: str, target: addresses.Address) -> None:
        try:
            other = self._port(await dial_unix(path))
        except OSError as error:
            refuse(port, f"{target} does not answer: {error.strerror or error}")
            return
        if not port.open:
            other.abort("the dialler went away")
            return
        tie(port, other)
        port.write(OK)

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
        self.remote_listeners.pop(end.name, None)
        for stream in end.renew():
            self._reset(end, stream, reason)

    def count(self, source: str, target: str, amount: int) -> None:
        """Count bytes that pass from one site to another."""
        key = (source, target)
        self.bytes[key] = self.bytes.get(key, 0) + amount

    def _opened(self, end: LinkEnd, stream: int, to: str) -> None:
        try:
            target = addresses.parse(to)
        except ValueError:
            end.refuse(stream, "that is not a relay address")
            return
        reason = self.may_dial(end, target)
        path = self.listeners.get(routing_key(target))
        if reason:
            end.refuse(stream, reason)
        elif path is not None:
            self._spawn(self._deliver(end, stream, path))
        else:
            self._pass_on(end, stream, target)

    def _pass_on(self, end: LinkEnd, stream: int, target: addresses.Address) -> None:
        """Splice a stream of one link to a new one of another."""
        onward = self.link_to(target)
        if onward is None or onward is end:
            end.refuse(stream, self._nobody(target))
            return
        try:
            other = onward.link.open(str(target))
        except ValueError as error:
            end.refuse(stream, str(error))
            return
        onward.dials[other] = RemoteDial(end, stream)
        end.asked[stream] = onward, other
        onward.flush()

    def _nobody(self, target: addresses.Address) -> str:
        if routing_key(target) in self.gone:
            return f"{target} {addresses.ENDED}"
        return f"nobody listens as {target}"

    async def _deliver(self, end: LinkEnd, stream: int, path: str) -> None:
        link = end.link
        try:
            port = self._port(await dial_unix(path))
        except OSError as error:
            if end.link is link:
                reason = f"the listener does not answer: {error.strerror or error}"
                end.refuse(stream, reason)
            return
        if end.link is not link or not link.is_open(stream):
            port.abort("the dialler went away")
            return
        link.accept(stream)
        tie(port, end.add(stream))
        end.flush()

    def _reset(self, end: LinkEnd, stream: int, reason: str) -> None:
        dial = end.dials.pop(stream, None)
        if dial is not None:
            dial.refused(reason)
        onward = end.asked.pop(stream, None)
        if onward is not None:
            self._hang_up(*onward)
        port = end.ports.pop(stream, None)
        if port is not None:
            peer = untie(port)
            if peer is not None:
                peer.abort(reason)

    def _said(self, end: LinkEnd, message: dict[str, Any]) -> None:
        address = str(message.get("listening") or message.get("ceased") or "")
        if not address:
            self.on_message(end, message)
            return
        known = self.remote_listeners.setdefault(end.name, set())
        if "ceased" in message:
            if address in known:
                known.remove(address)
                self.gone.add(address)
        elif end.joined and _is_at(address, end.name):
            known.add(address)
            self.gone.discard(address)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def routing_key(address: addresses.Address) -> str:
    """The address without its TCP host: what exchanges route by."""
    return f"{address.exchange}:{address.number}"


def _is_at(address: str, name: str) -> bool:
    """Whether this is the routing key of somebody beside the exchange ``name``."""
    try:
        target = addresses.parse(address)
    except ValueError:
        return False
    return target.exchange == name and routing_key(target) == address


def _too_early(port: LocalPort, _: bytes) -> None:
    refuse(port, "bytes came before the request was answered")
